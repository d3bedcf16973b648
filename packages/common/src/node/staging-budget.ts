interface Waiting {
  readonly bytes: number
  readonly granted: () => void
}

/**
 * Memory for values that arrive in chunks, over many links of one process. A value takes its share before its first
 * byte is kept, and waits for that in order, so the values that were let in can always be completed.
 */
export class StagingBudget {
  #usedBytes = 0
  #receivedBytes = 0
  readonly #waiting: Waiting[] = []

  /**
   * @param maxBytes 0: no value may be sent here. A value that is larger than all of it is let in alone.
   * @param changed told when the received bytes have changed
   */
  constructor(
    readonly maxBytes: number,
    private readonly changed: () => void = () => undefined,
  ) {}

  /** Of all values that were let in and are not released, their whole length. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** What has come of them. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** True: it is the caller's, to be released. False: `granted` is called when it is, unless withdrawn before. */
  request(bytes: number, granted: () => void): boolean {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#usedBytes += bytes
      return true
    }
    this.#waiting.push({ bytes, granted })
    return false
  }

  withdraw(granted: () => void): void {
    const at = this.#waiting.findIndex((waiting) => waiting.granted === granted)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#grant()
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes
    this.changed()
  }

  /** @param received how much had come of them */
  release(bytes: number, received: number): void {
    if (bytes === 0) return
    this.#usedBytes -= bytes
    this.received(-received)
    this.#grant()
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#usedBytes += next.bytes
      next.granted()
    }
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.maxBytes
  }
}
