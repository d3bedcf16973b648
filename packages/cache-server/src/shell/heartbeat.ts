import type { Clock, Runtime, Timer } from '@icf/common'

/** A heartbeat goes along with an answer to a master once so much of the interval is over; the next one waits so much longer then, for the next such answer. */
const EARLY_SHARE = 0.75
const LATE_SHARE = 1.25

/**
 * Sends heartbeats about every interval: along with what this server says to a master otherwise, where that comes about as often, so
 * that both processes are woken once for both; by a timer where it does not.
 */
export class Heartbeat {
  #timer: Timer | undefined
  #intervalMs = Infinity
  #beatAt = -Infinity

  constructor(
    private readonly runtime: Clock & Pick<Runtime, 'setTimeout' | 'clear'>,
    private readonly send: () => void,
  ) {}

  /** Begins (anew) with one now. */
  start(intervalMs: number): void {
    this.#intervalMs = intervalMs
    this.#beat(1)
  }

  /** Something has just been said to a master. */
  along(): void {
    if (this.runtime.now() - this.#beatAt >= EARLY_SHARE * this.#intervalMs) this.#beat(LATE_SHARE)
  }

  stop(): void {
    this.runtime.clear(this.#timer)
    this.#intervalMs = Infinity
  }

  /** @param share of the interval until the next one, at the latest */
  #beat(share: number): void {
    this.runtime.clear(this.#timer)
    this.#timer = this.runtime.setTimeout(() => this.#beat(1), share * this.#intervalMs)
    this.#beatAt = this.runtime.now()
    this.send()
  }
}
