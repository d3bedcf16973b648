import { commandArity, REPEAT, type Message } from '@icf/common'

/** One command as it arrived. */
export interface Command {
  readonly id: number
  readonly code: number
  readonly args: readonly unknown[]
  /** Of a write that was sent before: its number. */
  readonly repeats: number | undefined
}

/** What a COMMANDS frame asks for. It must be well formed. */
export function commandsOf(frame: Message): Command[] {
  const commands: Command[] = []
  let id = frame[3] as number
  for (let at = 6; at < frame.length; id++) {
    const repeats = frame[at] === REPEAT ? (frame[at + 1] as number) : undefined
    if (repeats !== undefined) at += 2
    const code = frame[at] as number
    const arity = commandArity[code]!
    commands.push({ id, code, args: frame.slice(at + 1, at + 1 + arity), repeats })
    at += 1 + arity
  }
  return commands
}

/** The results in a RESULTS frame, each with the id of its command. */
export function resultsOf(frame: Message): [id: number, result: unknown][] {
  const results: [number, unknown][] = []
  for (let at = 1; at < frame.length;) {
    const [first, count] = [frame[at] as number, frame[at + 1] as number]
    for (let i = 0; i < count; i++) results.push([first + i, frame[at + 2 + i]])
    at += 2 + count
  }
  return results
}
