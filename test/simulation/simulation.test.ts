import { describe, it } from 'node:test'
import { simulate } from './simulation.js'

const SEEDS = 40

/** Seeds that once showed a bug: they must never again. */
const REGRESSIONS: readonly number[] = []

describe('simulated clusters keep every acknowledged write', () => {
  for (const seed of REGRESSIONS) it(`seed ${seed} (showed a bug once)`, () => void simulate(seed))

  const first = Number(process.env['ICF_SIMULATE_FROM'] ?? 1)
  for (let seed = first; seed < first + SEEDS; seed++) it(`seed ${seed}`, () => void simulate(seed))
})
