import { pace } from './pace.js'

/**
 * Notices that the program stood still: timers run before what came in meanwhile is read, so a sweep that is late would
 * give up on answers which are here already.
 */
export class Standstill {
  #sweptAtMs = 0
  #passedOver = false

  /** Sweeps begin now. */
  begin(nowMs: number): void {
    this.#sweptAtMs = nowMs
    this.#passedOver = false
  }

  /** Whether the sweep that is due now had better leave everything to the next one. Never twice in a row. */
  isOver(nowMs: number): boolean {
    const isLate = nowMs - this.#sweptAtMs >= pace.lateMs
    this.#sweptAtMs = nowMs
    this.#passedOver = isLate && !this.#passedOver
    return this.#passedOver
  }
}
