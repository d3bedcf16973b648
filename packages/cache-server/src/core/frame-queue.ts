import type { CommandsHeader, FrameReader } from '@icf/common'

/** The rest of a COMMANDS frame. */
export interface SuspendedFrame {
  readonly header: CommandsHeader
  /** It stands before the next command. */
  readonly frame: FrameReader
  /** Of that. */
  readonly id: number
  /** Of the next write that is no repetition. */
  readonly nextNumber: number
}

/** What one client has sent that is not run yet, in order. To take from its front costs little, however long it is. */
export class FrameQueue {
  #frames: (SuspendedFrame | undefined)[] = []
  /** Places at the front that are empty. */
  #head = 0

  get length(): number {
    return this.#frames.length - this.#head
  }

  push(frame: SuspendedFrame): void {
    this.#frames.push(frame)
  }

  /** Puts frames before all others. */
  prepend(frames: readonly SuspendedFrame[]): void {
    if (frames.length > this.#head) {
      this.#frames = [...frames, ...this.#frames.slice(this.#head)]
      this.#head = 0
    } else for (let i = frames.length; i > 0;) this.#frames[--this.#head] = frames[--i]
  }

  shift(): SuspendedFrame | undefined {
    const frame = this.#frames[this.#head]
    if (frame === undefined) return undefined
    this.#frames[this.#head++] = undefined
    if (this.#head < this.#frames.length) return frame
    this.#frames = []
    this.#head = 0
    return frame
  }
}
