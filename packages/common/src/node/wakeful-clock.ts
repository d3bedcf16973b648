import type { Clock } from '../clock.js'

/** When the time of day has gained more than this, in ms, on the monotonic clock, the machine may have slept. */
const GAIN_MS = 50

/** Two clocks that are read within so many ms are read at once; this is tried so often. */
const AT_ONCE_MS = 5
const TRIES = 10

export interface SystemClocks {
  /** On Linux it stands still while the machine sleeps. */
  monotonicMs(): number
  /** Set right when the machine wakes, before any process runs. It may jump without that, too. */
  wallTimeMs(): number
  /** Since the machine was started, sleep included. Some hundred times slower to read than the others. */
  uptimeMs(): number
}

/**
 * A monotonic clock that goes on while the machine sleeps: a lease must not outlast the sleep of who has it. It costs a look
 * at the time of day each time; only when that has jumped is the uptime asked whether it was a sleep.
 */
export class WakefulClock implements Clock {
  readonly #clocks: SystemClocks
  /** How far the uptime was ahead of the monotonic clock. */
  readonly #uptimeLead: number
  #wallLead: number
  #sleptMs = 0

  constructor(clocks: SystemClocks) {
    this.#clocks = clocks
    this.#uptimeLead = this.#readUptimeLead()
    this.#wallLead = clocks.wallTimeMs() - clocks.monotonicMs()
  }

  now(): number {
    const { monotonicMs, wallTimeMs } = this.#clocks
    const monotonic = monotonicMs()
    const wallLead = wallTimeMs() - monotonic
    if (wallLead > this.#wallLead + GAIN_MS) this.#lookForSleep()
    this.#wallLead = wallLead
    return monotonic + this.#sleptMs
  }

  #lookForSleep(): void {
    const sleptMs = this.#readUptimeLead() - this.#uptimeLead
    if (sleptMs > this.#sleptMs + GAIN_MS) this.#sleptMs = sleptMs
  }

  #readUptimeLead(): number {
    const { monotonicMs, uptimeMs } = this.#clocks
    for (let tries = 1; ; tries++) {
      const before = monotonicMs()
      const uptime = uptimeMs()
      if (tries === TRIES || monotonicMs() - before < AT_ONCE_MS) return uptime - before
    }
  }
}
