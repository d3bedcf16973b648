import { parseArgs } from 'node:util'
import { simulate } from './simulation.js'

/** `node test/dist/simulation/main.js --seed N [--count M] [--trace]`: replays seeds; the same seed gives the same run. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean' },
  },
})
const first = Number(values.seed)
let failed = 0
let virtualMs = 0
for (let seed = first; seed < first + Number(values.count); seed++) {
  console.log(`seed ${seed}`)
  try {
    const outcome = simulate(seed, values.trace ? (line) => console.log(line) : undefined)
    virtualMs += outcome.virtualMs
    console.log(JSON.stringify(outcome))
  } catch (error) {
    failed++
    console.log(`seed ${seed} failed: ${(error as Error).stack}`)
  }
}
console.log(`${(virtualMs / 3_600_000).toFixed(2)} simulated hours, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
