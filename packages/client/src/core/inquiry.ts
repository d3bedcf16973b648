import { backoffMs, pace } from './pace.js'

/** When to ask the master for its topology: not before it had time to push it, and ever more seldom. */
export class Inquiry {
  #askAtMs = Infinity
  #asked = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** A topology is needed that has not come yet. */
  want(nowMs: number): void {
    if (this.#askAtMs === Infinity) this.#askAtMs = nowMs + pace.askAfterMs
  }

  /** A topology came. */
  satisfied(): void {
    this.#askAtMs = Infinity
    this.#asked = 0
  }

  /** True when it is time to ask; the next time is set. */
  isDue(nowMs: number): boolean {
    if (nowMs < this.#askAtMs) return false
    this.#asked++
    this.#askAtMs = nowMs + backoffMs(this.#asked + 1, pace.askAfterMs, pace.askAtMostMs, this.#random)
    return true
  }
}
