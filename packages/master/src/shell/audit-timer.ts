import type { Runtime, Timer } from '@icf/common'
import type { MasterCore } from '../core/index.js'
import type { AuditSchedule } from './audit-schedule.js'

const LOOK_EVERY_MS = 1000

/** By so many ms clocks may differ. What is further ahead, one said that was wrong: by that, no audit would be due for long. */
const MOST_AHEAD_MS = 12 * 3_600_000

/**
 * Begins the audits of the schedule, for one term. Up to when all are done is part of the state: so the next term makes up for
 * one that was due in between, begins one anew that was not done, and does none twice.
 */
export class AuditTimer {
  readonly #runtime: Runtime
  readonly #timer: Timer
  /** None was due before, but those that are done: a time of day in ms. */
  #lookedUntil = -Infinity

  constructor(
    runtime: Runtime,
    private readonly schedule: AuditSchedule,
    private readonly core: MasterCore,
    private readonly begin: (until: number) => void,
  ) {
    this.#runtime = runtime
    this.#timer = runtime.setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  stop(): void {
    this.#runtime.clear(this.#timer)
  }

  #look(): void {
    const { core } = this
    const now = this.#runtime.wallTimeMs()
    if (!core.isActive || core.audit(this.#runtime.now())?.running) return
    const isTime = (time: number): boolean => time <= now + MOST_AHEAD_MS
    const from = Math.max(...[core.auditedUntil ?? now, this.#lookedUntil].filter(isTime))
    if (this.schedule.isDue(from, now)) this.begin(now)
    else this.#lookedUntil = now
  }
}
