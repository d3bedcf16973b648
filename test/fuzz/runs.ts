import { env } from 'node:process'

/**
 * In `npm test`; for more, by hand: FUZZ_FRAMES=1000000 FUZZ_SEED=7 npm test -- fuzz. The seed is the same each time, so that what
 * fails there is by the change that is tested; frames that were never tried are for runs by hand.
 */
const FRAMES = Number(env['FUZZ_FRAMES'] ?? 100_000)
export const SEED = Number(env['FUZZ_SEED'] ?? 1)

interface Runs {
  readonly seed: number
  readonly numRuns: number
  readonly includeErrorInReport: boolean
}

/**
 * For a property that sends up to so many frames in one run, about half of it on average.
 * @param share of all frames that are for this property, from 0 to 1
 */
export function fuzzing(share: number, framesPerRun: number): Runs {
  return { seed: SEED, numRuns: Math.ceil((2 * FRAMES * share) / framesPerRun), includeErrorInReport: true }
}
