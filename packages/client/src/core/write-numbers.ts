import { limits } from '@icf/common'

const MASK = limits.maxUnsettledWrites - 1

/**
 * Numbers of this client's writes, to whichever server they go: a write that is sent again keeps its number, so that
 * it is carried out once. Servers forget what is settled.
 */
export class WriteNumbers {
  #next = 1
  #settledBelow = 1
  /** By number, as a ring: 1 for those settled out of order. */
  readonly #settled = new Uint8Array(limits.maxUnsettledWrites)

  /** The number that `take` gives next. */
  get next(): number {
    return this.#next
  }

  /** All writes below this have ended for their callers: none is sent again. */
  get settledBelow(): number {
    return this.#settledBelow
  }

  take(): number {
    // One write that hangs does not hold up all others: servers do not remember it any longer either.
    if (this.#next - this.#settledBelow > MASK) this.settle(this.#settledBelow)
    return this.#next++
  }

  settle(number: number): void {
    if (number < this.#settledBelow) return
    this.#settled[number & MASK] = 1
    while (this.#settled[this.#settledBelow & MASK] === 1) {
      this.#settled[this.#settledBelow & MASK] = 0
      this.#settledBelow++
    }
  }
}
