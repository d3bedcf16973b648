/** One line of what happens in a transcript. */
export interface Line {
  /** Since its step began. A message: when it arrives. */
  readonly atMs: number
  /** Who does something, or to whom something happens. */
  readonly from: readonly string[]
  /** None: it is no message. */
  readonly to: readonly string[]
  /** What it is, with what the lines below it add. */
  readonly text: string
}

const TIMED = /^ *(\d+\.\d)  (.+?) {2,}(.*)$/

/** What happens in a transcript, in its order; other lines are left out. */
export function linesOf(transcript: string): Line[] {
  const lines: { atMs: number; from: string[]; to: string[]; text: string }[] = []
  let isOutput = false
  for (const line of transcript.split('\n')) {
    if (line === '----' || line === '') isOutput = line === '----'
    if (!isOutput) continue
    const [, atMs, who, text] = TIMED.exec(line) ?? []
    if (who !== undefined) {
      const [from, to] = who.split(' → ')
      lines.push({ atMs: Number(atMs), from: from!.split(' '), to: to?.split(' ') ?? [], text: text! })
    } else if (line.startsWith(' ')) lines.at(-1)!.text += ` ${line.trim()}`
  }
  return lines
}
