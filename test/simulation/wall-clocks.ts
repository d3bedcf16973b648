import { Random } from '@icf/testkit/random'
import type { VirtualProcess } from './virtual/process.js'

export const HALF_A_DAY_MS = 12 * 3_600_000

/**
 * How wrong the time of day is that processes have. Time stamps of events may depend on it, and the term of a master that
 * has no state: nothing else. So chance here is apart from all other: with clocks that are right, the rest of a run is the same.
 */
export class WallClocks {
  readonly #random: Random

  /** @param mostErrorMs how far a clock is ahead or behind at most; 0: all are right */
  constructor(
    seed: number,
    private readonly mostErrorMs: number,
  ) {
    this.#random = new Random(seed)
  }

  /** How far a clock is ahead that somebody has set, in ms; negative: behind. */
  error(): number {
    return Math.round(this.#random.between(-1, 1) * this.mostErrorMs)
  }

  set(process: VirtualProcess): void {
    process.wallOffsetMs = this.error()
  }
}
