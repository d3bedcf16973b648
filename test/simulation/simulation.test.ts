import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runMain } from './run-main.js'
import { simulate } from './simulation.js'

const SEEDS = 2000
const PROCESSES = 2

/** Run twice. */
const TIMELESS_SEEDS = 28

/** Seeds that showed a bug once, of the cluster or of a checker, with the simulator as it was then, by the number of masters. */
const REGRESSIONS: Readonly<Record<number, readonly number[]>> = {
  1: [
    7, 30, 49, 118, 835, 961, 1150, 10273, 20003, 20070, 20225, 48385, 66080, 73695, 1000580, 10025704,
    30000167,
  ],
  2: [140, 603, 51567, 66720, 66976, 5000823],
  3: [15030, 30004531],
}

const ASKED_AGAIN = /^(lose state|restart all masters|part the voters)/

describe('simulated clusters keep what they promise', () => {
  for (const [masters, seeds] of Object.entries(REGRESSIONS))
    for (const seed of seeds)
      it(`with ${masters} masters and seed ${seed}, which showed a bug once`, async () =>
        void (await simulate(seed, { masters: Number(masters), givesUpWrites: false, writesLong: false })))

  it(`with ${SEEDS} seeds`, async () => {
    const count = SEEDS / PROCESSES
    const runs = Array.from({ length: PROCESSES }, (_, process) =>
      runMain(['--seed', `${1 + process * count}`, '--count', `${count}`]),
    )
    for (const { code, output } of await Promise.all(runs)) assert.equal(code, 0, output)
  })

  it('whatever the time of day: all is as with clocks that are right', async () => {
    for (let seed = 1; seed <= TIMELESS_SEEDS; seed++) {
      const outcome = await simulate(seed)
      // The term of a master without a state begins by its clock: clients follow it at once, or only when it has found the state.
      // And one whose clock is behind may want a term that another one wanted before all were restarted, or while it could not hear
      // of that: it has to ask again.
      if (Object.keys(outcome.faults).some((name) => ASKED_AGAIN.test(name))) continue
      assert.deepEqual(outcome, await simulate(seed, { mostWallErrorMs: 0 }))
    }
  })

  it('gives the same run for the same seed', async () => {
    assert.deepEqual(await traceOf(3), await traceOf(3))
  })
})

async function traceOf(seed: number): Promise<string[]> {
  const lines: string[] = []
  await simulate(seed, { trace: (line) => lines.push(line) })
  return lines
}
