import { readArguments, type Arguments } from './arguments.js'
import { plant } from './mutants/plant.js'
import { runMutants } from './mutants/run.js'

/**
 * `npm run simulate -- --seed N [--count M] [--masters 2] [--trace] [--until-failure] [--mutant NAME]`: the same seed gives the same run.
 * `npm run simulate -- --mutants [NAME…] [--jobs 2]`: whether planted bugs are caught.
 */
const args = read()
if (args) process.exitCode = (await run(args)) ? 0 : 1

function read(): Arguments | undefined {
  try {
    return readArguments(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
    return undefined
  }
}

/** @returns whether all is as it should be */
async function run(args: Arguments): Promise<boolean> {
  if (args.mutants) return runMutants(args.mutants, args)
  if (args.mutant) plant(args.mutant)
  // Only now: what is planted into must not have been loaded before.
  const { runSeeds } = await import('./run-seeds.js')
  return !(await runSeeds(args))
}
