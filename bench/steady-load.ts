import type { Client } from '@icf/client'

const LANES = 64
const KEYS = 20_000

/** 64 readers and writers that go on until they are told to stop; none of their calls may fail. */
export class SteadyLoad {
  calls = 0
  /** Since it was last set to 0. */
  longestMs = 0
  #isOver = false
  #next = 0
  readonly #lanes: Promise<unknown>

  constructor(private readonly cache: Client) {
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, number) => this.#lane(number)))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#lanes
  }

  async #lane(number: number): Promise<void> {
    while (!this.#isOver) {
      const key = `key:${this.#next++ % KEYS}`
      const startedAt = performance.now()
      if (number % 2 === 0) await this.cache.set(key, 'x'.repeat(100))
      else await this.cache.get(key)
      this.calls++
      this.longestMs = Math.max(this.longestMs, performance.now() - startedAt)
    }
  }
}

/** All rounds, and the one in the middle. */
export function printRounds(what: string, figures: readonly number[], unit = 'ms'): void {
  const sorted = figures.toSorted((a, b) => a - b)
  const all = sorted.map((figure) => figure.toFixed(0)).join(', ')
  console.log(`${what}, of each round, ${unit}: ${all}; median ${sorted[sorted.length >> 1]!.toFixed(0)}`)
}
