/** A block of a transcript: remarks, and perhaps what is done, and what comes of it. */
export interface Block {
  /** Lines that begin with `#`. */
  readonly remarks: readonly string[]
  /** None: there are only remarks. */
  readonly commands: readonly string[]
  readonly output: readonly string[]
}

const RULE = '----'

/** Blocks stand apart by empty lines; in each, commands and what comes of them by `----`. */
export function readTranscript(text: string): Block[] {
  return text
    .trim()
    .split(/\n\n+/)
    .map((block) => {
      const lines = block.split('\n')
      const rule = lines.indexOf(RULE)
      const above = rule === -1 ? lines : lines.slice(0, rule)
      return {
        remarks: above.filter(isRemark),
        commands: above.filter((line) => !isRemark(line)),
        output: rule === -1 ? [] : lines.slice(rule + 1),
      }
    })
}

export function writeTranscript(blocks: readonly Block[]): string {
  const texts = blocks.map(({ remarks, commands, output }) => {
    const rule = commands.length > 0 ? [RULE] : []
    return [...remarks, ...commands, ...rule, ...output].map((line) => `${line}\n`).join('')
  })
  return texts.join('\n')
}

function isRemark(line: string): boolean {
  return line.startsWith('#')
}
