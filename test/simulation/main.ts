import { parseArgs } from 'node:util'
import { simulate } from './simulation.js'

/** `npm run simulate -- --seed N [--count M] [--trace]`: the same seed gives the same run. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const count = Number(values.count)
const failed: number[] = []
const faults: Record<string, number> = {}
let [virtualMs, steps, answered] = [0, 0, 0]
const startedAt = performance.now()
for (let seed = first; seed < first + count; seed++)
  try {
    const outcome = await simulate(seed, values.trace ? (line) => console.log(line) : undefined)
    virtualMs += outcome.virtualMs
    steps += outcome.steps
    answered += outcome.answered
    for (const [name, times] of Object.entries(outcome.faults)) faults[name] = (faults[name] ?? 0) + times
    if (count === 1) console.log(JSON.stringify(outcome))
  } catch (error) {
    failed.push(seed)
    console.log(`seed ${seed} failed: ${String((error as Error).stack).slice(0, 2000)}`)
  }
console.log(JSON.stringify(faults))
console.log(
  `${count} seeds in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${(virtualMs / 3_600_000).toFixed(2)} simulated hours, ` +
    `${steps} steps, ${answered} answers, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`,
)
process.exitCode = failed.length > 0 ? 1 : 0
