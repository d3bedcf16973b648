import { parseArgs } from 'node:util'
import { findMutant, mutants } from './mutants/list.js'
import type { Mutant } from './mutants/mutant.js'

/** What there is to simulate. */
export interface Arguments {
  readonly first: number
  /** Seeds from the first on; with mutants the most that each is tried with, undefined: as many as it names itself. */
  readonly count: number | undefined
  /** In each cluster; undefined: as many as the seed says, or with mutants as many as each names itself. */
  readonly masters: number | undefined
  readonly isTraced: boolean
  readonly untilFailure: boolean
  /** The bug to plant into this process. */
  readonly mutant: Mutant | undefined
  /** The bugs to be caught one by one; undefined: no such run. */
  readonly mutants: readonly Mutant[] | undefined
  /** Processes at once. */
  readonly jobs: number
}

/** @throws Error that says which argument is wrong */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      count: { type: 'string' },
      masters: { type: 'string' },
      trace: { type: 'boolean', default: false },
      'until-failure': { type: 'boolean', default: false },
      mutant: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '1' },
    },
  })
  if (positionals.length > 0 && !values.mutants)
    throw new Error(`${positionals[0]} is no option: names of mutants follow --mutants`)
  if (values.mutants && (values.trace || values.mutant !== undefined))
    throw new Error('--mutants runs many: plant one with --mutant NAME to trace it')
  return {
    first: wholeNumber('seed', values.seed, 0),
    count: values.count === undefined ? undefined : wholeNumber('count', values.count, 1),
    masters: values.masters === undefined ? undefined : wholeNumber('masters', values.masters, 1),
    isTraced: values.trace,
    untilFailure: values['until-failure'],
    mutant: values.mutant === undefined ? undefined : findMutant(values.mutant),
    mutants: values.mutants ? (positionals.length > 0 ? positionals.map(findMutant) : mutants) : undefined,
    jobs: wholeNumber('jobs', values.jobs, 1),
  }
}

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < least)
    throw new Error(`--${option} must be a whole number from ${least} on, got "${text}"`)
  return number
}
