import { fromVersion1, readDataFrame, REPEAT, toVersion1, type FrameReader, type Message } from '@icf/common'

/** Stands in an array for the value that was sent ahead under this id. */
export interface Ahead {
  readonly id: number
}

const NO_BYTES = new Uint8Array(0)

/** A message of the data path as an array, as version 1 of the protocol had it and tests read it. It must be well formed. */
export function arrayOf(frame: Buffer): Message {
  let ahead: Ahead | undefined
  const reader = readDataFrame(frame, (id) => {
    ahead = { id }
    return NO_BYTES
  })
  return toVersion1(reader, ahead)
}

/** The message that an array stands for, as a link gives it to its owner. A value above 256 KiB was sent ahead. */
export function dataOf(message: Message): FrameReader {
  return fromVersion1(message)
}

/** The same frame with more at its end, which need not make sense. */
export function withMore({ bytes, ahead }: FrameReader, ...more: number[]): FrameReader {
  return readDataFrame(Buffer.concat([bytes, Buffer.from(more)]), () => ahead)
}

/** Arguments of each command, by its number. */
const commandArity: readonly number[] = [1, 5, 1, 1, 1]

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
