import type { Runtime, Timer } from '@icf/common'

/** A client that takes nothing of its answers for this long, in ms, is cut off: they keep memory from others. */
export const STALLED_CLIENT_MS = 30_000

/** Tells when nothing goes any more of what waits to be sent. */
export class StallWatch {
  #timer: Timer | undefined
  #before = Infinity

  /** @param stalled called when `outstandingBytes` has not become less from one look to the next */
  constructor(
    private readonly runtime: Runtime,
    private readonly outstandingBytes: () => number,
    private readonly stalled: () => void,
  ) {}

  start(): void {
    this.stop()
    this.#before = this.outstandingBytes()
    this.#wait()
  }

  stop(): void {
    this.runtime.clear(this.#timer)
  }

  #wait(): void {
    this.#timer = this.runtime.setTimeout(() => this.#look(), STALLED_CLIENT_MS)
    this.#timer.unref()
  }

  #look(): void {
    const bytes = this.outstandingBytes()
    if (bytes > 0 && bytes >= this.#before) return this.stalled()
    this.#before = bytes
    this.#wait()
  }
}
