import { parseArgs } from 'node:util'

export type Operation = 'GET' | 'SET'

/** One line of the comparison: an operation with so many requests in flight. */
export interface Cell {
  readonly operation: Operation
  readonly inFlight: number
}

export interface Options {
  readonly seconds: number
  readonly rounds: number
  readonly keys: number
  readonly seed: number
  readonly cells: readonly Cell[]
  readonly only: 'icf' | 'redis' | undefined
  readonly json: boolean
  readonly cpuProfileDir: string | undefined
}

export const VALUE_BYTES = 100

const usage = `Usage: npm run bench -- [options]

Drives an icf cluster (3 cache servers) and a Redis Cluster (3 + 3) in turn and compares them.

  --seconds N        how long each case is measured, each round (default 5)
  --quick            the same as --seconds 1
  --rounds N         how often each case is measured; the median counts (default 3)
  --cases LIST       for example get:512,set:1 (default: get and set, each at 1, 64 and 512 in flight)
  --keys N           how many keys are loaded first (default 100000)
  --seed N           of the random keys (default 1)
  --only icf|redis   runs one side only
  --json             prints one JSON object on standard output, and the progress on standard error
  --cpu-prof DIR     writes a CPU profile of every client and of every icf process to DIR
  --help`

/** Ends the process with status 2 and a reason when the arguments make no sense. */
export function readOptions(args: readonly string[]): Options {
  try {
    return parse(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      quick: { type: 'boolean' },
      rounds: { type: 'string', default: '3' },
      cases: { type: 'string', default: 'get:1,get:64,get:512,set:1,set:64,set:512' },
      keys: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const { only } = values
  if (only !== undefined && only !== 'icf' && only !== 'redis')
    throw new Error(`--only takes icf or redis, not "${only}"`)
  return {
    seconds: positive('--seconds', values.seconds ?? (values.quick ? '1' : '5')),
    rounds: Math.trunc(positive('--rounds', values.rounds)),
    keys: Math.trunc(positive('--keys', values.keys)),
    seed: Math.trunc(positive('--seed', values.seed)),
    cells: values.cases.split(',').map(parseCell),
    only,
    json: values.json,
    cpuProfileDir: values['cpu-prof'],
  }
}

function parseCell(text: string): Cell {
  const match = /^(get|set):([1-9]\d{0,5})$/i.exec(text.trim())
  if (!match) throw new Error(`"${text}" is not a case: write get:64 or set:512`)
  return { operation: match[1]!.toUpperCase() as Operation, inFlight: Number(match[2]) }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`${name} takes a number above zero, not "${text}"`)
  return value
}
