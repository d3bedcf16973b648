import { cacheServerMutants } from './cache-server.js'
import { clientMutants } from './client.js'
import { electionMutants } from './election.js'
import { masterMutants } from './master.js'
import type { Mutant } from './mutant.js'
import { survivors } from './survivors.js'

/** Bugs that the simulator must catch, each by some seed; and those that it does not catch yet. */
export const mutants: readonly Mutant[] = [
  ...cacheServerMutants,
  ...masterMutants,
  ...electionMutants,
  ...clientMutants,
  ...survivors,
]

/** @throws Error when there is none of this name */
export function findMutant(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name)
  if (!found)
    throw new Error(`no mutant is named ${name}; there are ${mutants.map((each) => each.name).join(', ')}`)
  return found
}
