/** One line of what happens in a transcript. */
export interface Line {
  /** Who does something, or to whom something happens. */
  readonly from: readonly string[]
  /** None: it is no message. */
  readonly to: readonly string[]
  /** What it is, with what the lines below it add. */
  readonly text: string
}

const TIME = /^ *\d+\.\d  /

/** What happens in a transcript, in its order; other lines are left out. */
export function linesOf(transcript: string): Line[] {
  const lines: { from: string[]; to: string[]; text: string }[] = []
  let isOutput = false
  for (const line of transcript.split('\n')) {
    if (line === '----' || line === '') isOutput = line === '----'
    else if (isOutput && TIME.test(line)) lines.push(read(line.replace(TIME, '')))
    else if (isOutput && line.startsWith(' ')) lines.at(-1)!.text += ` ${line.trim()}`
  }
  return lines
}

function read(line: string): { from: string[]; to: string[]; text: string } {
  const [, who, text] = /^(.+?) {2,}(.*)$/.exec(line) ?? []
  const [from, to] = who!.split(' → ')
  return { from: from!.split(' '), to: to?.split(' ') ?? [], text: text! }
}
