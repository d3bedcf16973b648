import type { Arguments } from './arguments.js'
import { simulate } from './simulation.js'

/** Runs one seed after the other and says how they ended. @returns whether one failed */
export async function runSeeds({
  first,
  count = 1,
  masters,
  isTraced,
  untilFailure,
}: Arguments): Promise<boolean> {
  const failed: number[] = []
  const faults: Record<string, number> = {}
  let [ran, virtualMs, steps, answered] = [0, 0, 0, 0]
  const startedAt = performance.now()
  // Should it hang, this says where to look.
  console.log(count === 1 ? `seed ${first}` : `seeds ${first} to ${first + count - 1}`)
  for (let seed = first; seed < first + count && !(untilFailure && failed.length > 0); seed++)
    try {
      ran++
      const outcome = await simulate(seed, {
        masters,
        trace: isTraced ? (line) => console.log(line) : undefined,
      })
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
    `${ran} seeds in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${(virtualMs / 3_600_000).toFixed(2)} simulated hours, ` +
      `${steps} steps, ${answered} answers, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`,
  )
  return failed.length > 0
}
