import { it } from 'node:test'
import { simulate } from './simulation.js'

const SEEDS = 100
const LONGEST_TERM_MS = 10_000

it(`clusters keep what they promise while the master loses its term again and again, and its links stay: ${SEEDS} seeds`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    await simulate(seed, { masters: 1, longestTermMs: LONGEST_TERM_MS })
})
