import type { Clock, Runtime, Timer } from '@icf/common'

/** Whoever is at work ticks when so much of the interval is over: the timer comes too late then to wake the process for it. */
const DUE_SHARE = 0.8

/**
 * Ticks about every `intervalMs`: along with what wakes the process otherwise, and by a timer only when nothing does. To be woken
 * costs more than to tick.
 */
export class Ticker {
  #timer: Timer | undefined
  #tickedAt = -Infinity

  constructor(
    private readonly runtime: Clock & Pick<Runtime, 'setInterval' | 'clear'>,
    private readonly intervalMs: number,
    private readonly tick: () => void,
  ) {}

  start(): void {
    this.#timer = this.runtime.setInterval(() => this.#tick(this.runtime.now()), this.intervalMs)
  }

  /** The process is awake, and has done what it was woken for. */
  poke(now: number): void {
    if (!this.#timer || now - this.#tickedAt < DUE_SHARE * this.intervalMs) return
    this.#timer.refresh()
    this.#tick(now)
  }

  stop(): void {
    this.runtime.clear(this.#timer)
    this.#timer = undefined
  }

  #tick(now: number): void {
    this.#tickedAt = now
    this.tick()
  }
}
