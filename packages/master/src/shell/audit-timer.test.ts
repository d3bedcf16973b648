import assert from 'node:assert/strict'
import type { AuditStatus, Runtime, Timer } from '@icf/common'
import { describe, it } from 'node:test'
import type { MasterCore } from '../core/index.js'
import { AuditSchedule } from './audit-schedule.js'
import { AuditTimer } from './audit-timer.js'

const MINUTE_MS = 60_000
/** In the time zone of this process, as the schedule is. */
const THREE = new Date(2026, 5, 2, 3, 0).getTime()

/** A state that masters hand on, and one of them after the other that is active. */
class Terms {
  wallTimeMs = THREE - MINUTE_MS
  auditedUntil = THREE - 24 * 60 * MINUTE_MS
  readonly begun: number[] = []
  #isRunning = false
  #look: () => void = () => undefined
  #until = 0

  begin(): void {
    this.#isRunning = false
    const runtime = {
      now: () => 0,
      wallTimeMs: () => this.wallTimeMs,
      setInterval: (run: () => void): Timer => {
        this.#look = run
        return {} as Timer
      },
    } as unknown as Runtime
    const core = {
      isActive: true,
      audit: () => ({ running: this.#isRunning }) as AuditStatus,
    } as unknown as MasterCore
    Object.defineProperty(core, 'auditedUntil', { get: () => this.auditedUntil })
    void new AuditTimer(runtime, new AuditSchedule('0 3 * * *'), core, (until) => {
      this.begun.push(this.wallTimeMs)
      this.#isRunning = true
      this.#until = until
    })
  }

  end(): void {
    this.#isRunning = false
    this.auditedUntil = this.#until
  }

  /** @param to a time of day, up to which it is looked at the clock every few seconds */
  pass(to: number): void {
    for (; this.wallTimeMs <= to; this.wallTimeMs += 5000) this.#look()
  }
}

describe('the audits of a schedule', () => {
  it('are made once', () => {
    const terms = new Terms()
    terms.begin()
    terms.pass(THREE + 10_000)
    terms.end()
    terms.pass(THREE + 10 * MINUTE_MS)
    assert.deepEqual(terms.begun, [THREE])
  })

  it('are begun anew by the next term when they were not done, and by none after that', () => {
    const terms = new Terms()
    terms.begin()
    terms.pass(THREE + 10_000)
    terms.begin()
    terms.pass(THREE + 30_000)
    assert.equal(terms.begun.length, 2)
    terms.end()
    terms.begin()
    terms.pass(THREE + 10 * MINUTE_MS)
    assert.equal(terms.begun.length, 2)
  })

  it('are made up for when no master was active at their time', () => {
    const terms = new Terms()
    terms.wallTimeMs = THREE + 20 * MINUTE_MS
    terms.begin()
    terms.pass(THREE + 21 * MINUTE_MS)
    assert.equal(terms.begun.length, 1)
  })

  it('are not made again by a master whose clock is behind', () => {
    const terms = new Terms()
    terms.begin()
    terms.pass(THREE + 10_000)
    terms.end()
    terms.wallTimeMs = THREE - 2000
    terms.begin()
    terms.pass(THREE + 10 * MINUTE_MS)
    assert.equal(terms.begun.length, 1)
  })

  it('go on once a clock is right again that was far ahead', () => {
    const terms = new Terms()
    terms.begin()
    terms.wallTimeMs = THREE + 300 * 24 * 60 * MINUTE_MS
    terms.pass(terms.wallTimeMs + 10_000)
    terms.end()
    terms.wallTimeMs = THREE + 24 * 60 * MINUTE_MS - MINUTE_MS
    terms.pass(THREE + 24 * 60 * MINUTE_MS + MINUTE_MS)
    terms.end()
    assert.equal(terms.begun.at(-1), THREE + 24 * 60 * MINUTE_MS)
    terms.begin()
    terms.pass(THREE + 24 * 60 * MINUTE_MS + 10 * MINUTE_MS)
    assert.equal(terms.begun.at(-1), THREE + 24 * 60 * MINUTE_MS)
  })
})
