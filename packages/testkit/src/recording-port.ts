import type { Message } from '@icf/common'
import { commandsOf, type Command } from './frames.js'

/** A link that only records. Long values are `ready` when the test says so, with what stands for them: an S. */
export class RecordingPort<S extends object = object> {
  unsentBytes = 0
  readonly sent: Message[] = []
  readonly staging: { bytes: Uint8Array; ready: (staged: S) => void }[] = []

  send(message: Message): void {
    this.sent.push([...message])
  }

  stage(bytes: Uint8Array, ready: (staged: S) => void): void {
    this.staging.push({ bytes, ready })
  }

  /** Every command that was sent, when all it got is COMMANDS. */
  get commands(): Command[] {
    return this.sent.flatMap(commandsOf)
  }
}
