import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Arguments } from '../arguments.js'
import { runMain, runNode, type MainRun } from '../run-main.js'
import { mutate, pathOf, type Mutant } from './mutant.js'

const DEFAULT_SEEDS = 300

/** What a seed may take on a busy machine, and the start of a process, in ms: a run that takes longer hangs. */
const SEED_MS = 1_500
const START_MS = 60_000

/** What a test may take on a busy machine. */
const TEST_MS = 300_000

const TEST_MAIN = fileURLToPath(new URL('test-main.js', import.meta.url))

/** How the run of one mutant ended. */
export type Verdict =
  | { readonly kind: 'caught'; readonly seed: number; readonly seeds: number; readonly violation: string }
  /** The test of the mutant does not pass with it. */
  | { readonly kind: 'failed'; readonly failure: string }
  | { readonly kind: 'survived'; readonly seeds: number }
  /** Nothing is proven: it could not be run, or it did not end in time. */
  | { readonly kind: 'broken'; readonly output: string }

type Range = Pick<Arguments, 'first' | 'count'> & Partial<Pick<Arguments, 'masters'>>

/**
 * Plants each of these bugs into a process of its own, and says which seed catches it.
 * @returns whether all were caught
 * @throws Error when a text to be replaced does not stand exactly once in its file
 */
export async function runMutants(
  chosen: readonly Mutant[],
  args: Range & Pick<Arguments, 'jobs'>,
): Promise<boolean> {
  for (const mutant of chosen) mutate(readFileSync(pathOf(mutant.file), 'utf8'), mutant)
  const queue = [...chosen]
  const missed: string[] = []
  const known: string[] = []
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const verdict = await tryMutant(mutant, args)
      const isKnown = verdict.kind === 'survived' && mutant.survives !== undefined
      if (isKnown) known.push(mutant.name)
      else if (verdict.kind !== 'caught' && verdict.kind !== 'failed') missed.push(mutant.name)
      console.log(describe(mutant, verdict))
    }
  }
  await Promise.all(Array.from({ length: args.jobs }, work))
  const rest = missed.length > 0 ? `; not: ${missed.join(', ')}` : ''
  const caught = chosen.length - missed.length - known.length
  console.log(`${caught} of ${chosen.length} mutants caught, ${known.length} survive as before${rest}`)
  return missed.length === 0
}

/** Runs its test, or seeds with this bug until one fails that does not fail without it. */
export async function tryMutant(
  mutant: Mutant,
  { first, count = mutant.seeds ?? DEFAULT_SEEDS, masters = mutant.masters ?? 1 }: Range,
): Promise<Verdict> {
  if (mutant.test) return tryTest(mutant.name, pathOf(mutant.test))
  const end = first + count
  const cluster = ['--masters', String(masters)]
  for (let seed = first; seed < end;) {
    const { code, output } = await simulator(seed, end - seed, [...cluster, '--mutant', mutant.name])
    if (code === 0) break
    const failure = code === 1 ? /^seed (\d+) failed: (.*)$/m.exec(output) : null
    if (!failure) return { kind: 'broken', output }
    const failed = Number(failure[1])
    const without = await simulator(failed, 1, cluster)
    if (without.code === 0)
      return { kind: 'caught', seed: failed, seeds: failed - first + 1, violation: failure[2]! }
    seed = failed + 1
  }
  return { kind: 'survived', seeds: count }
}

async function tryTest(name: string, test: string): Promise<Verdict> {
  const { code, output } = await runNode([TEST_MAIN, name], TEST_MS)
  if (code === 0) return { kind: 'survived', seeds: 0 }
  const without = await runNode([test], TEST_MS)
  if (code !== 1 || without.code !== 0) return { kind: 'broken', output }
  const failure = /seed \d+: .*/.exec(output) ?? /(?:✖|not ok) .*/.exec(output)
  return { kind: 'failed', failure: failure?.[0] ?? '' }
}

function simulator(first: number, count: number, options: readonly string[]): Promise<MainRun> {
  const args = ['--seed', String(first), '--count', String(count), '--until-failure', ...options]
  return runMain(args, START_MS + count * SEED_MS)
}

function describe({ name, breaks, survives }: Mutant, verdict: Verdict): string {
  switch (verdict.kind) {
    case 'caught':
      return `✔ ${name}: caught at seed ${verdict.seed}, after ${verdict.seeds}: ${verdict.violation.slice(0, 200)}`
    case 'failed':
      return `✔ ${name}: caught by its test: ${verdict.failure.slice(0, 200)}`
    case 'survived':
      if (survives)
        return `○ ${name}: survived ${verdict.seeds} seeds, as before; what does not happen: ${survives}`
      return `✖ ${name}: SURVIVED after ${verdict.seeds} seeds (${breaks})`
    case 'broken':
      return `✖ ${name}: its run did not end as it should: ${verdict.output.slice(-1000)}`
  }
}
