import type { Message } from '@icf/common'
import { arrayOf, commandsOf, type Ahead, type Command } from './frames.js'

/** A link that only records. Long values are `ready` when the test says so, under the id that it gives them. */
export class RecordingPort {
  unsentBytes = 0
  /** Messages of the data path as arrays, with an `Ahead` for a long value. */
  readonly sent: Message[] = []
  /** Those of them as they are. */
  readonly frames: Buffer[] = []
  pings = 0
  readonly staging: { bytes: Uint8Array; ready: (staged: Ahead) => void }[] = []

  send(message: Message): void {
    this.sent.push([...message])
  }

  sendData(frame: Buffer): void {
    this.frames.push(frame)
    this.sent.push(arrayOf(frame))
  }

  ping(): void {
    this.pings++
  }

  stage(bytes: Uint8Array, ready: (staged: Ahead) => void): void {
    this.staging.push({ bytes, ready })
  }

  /** Every command that was sent, when all it got is COMMANDS. */
  get commands(): Command[] {
    return this.sent.flatMap(commandsOf)
  }
}
