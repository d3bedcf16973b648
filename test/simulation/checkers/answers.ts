import { IcfError } from '@icf/common'
import { Violation } from './violation.js'

/** Longest that the trouble of a fault lasts after its end: links are dialed anew, slots repaired. In ms. */
const AFTERMATH_MS = 3_000

/**
 * Invariant 7: calls fail only while more than one thing is wrong at once, or the master, a client's way or a way between servers:
 * docs/failure-model.md says of each fault what a client sees.
 */
export class AnswerChecker {
  #excusedUntil = -Infinity
  answered = 0
  failed = 0

  /** From now until `until`, and for a while after that, calls may fail at their deadline. */
  excuse(until: number): void {
    this.#excusedUntil = Math.max(this.#excusedUntil, until + AFTERMATH_MS)
  }

  isExcused(now: number): boolean {
    return now <= this.#excusedUntil
  }

  /** @param begun when the call began; it has failed now */
  fail(what: string, error: unknown, begun: number): void {
    if (!(error instanceof IcfError)) throw error
    if (error.code !== 'TIMEOUT' && error.code !== 'OUTCOME_UNKNOWN')
      throw new Violation(`invariant 7: ${what} fails with ${error.code}: ${error.message}`)
    if (!this.isExcused(begun))
      throw new Violation(`invariant 7: ${what} fails though nothing excuses it: ${error.message}`)
    this.failed++
  }
}
