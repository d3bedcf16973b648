import { availableParallelism } from 'node:os'
import { MIN_MEMORY_BYTES } from '@icf/cache-server'
import { usageError } from '../errors.js'
import { MAX_PROCESSES, type Processes } from '../options.js'
import { plural } from '../units.js'

const MIB = 1024 ** 2
const MAX_PORT = 65_535

/** What the processes of one machine have together. */
export interface Whole {
  readonly processes: Processes
  /** Of the first one. */
  readonly port: number
  /** Bytes. */
  readonly maxMemory: number
  readonly weight: number
}

/** What one of them has. */
export interface Share {
  readonly port: number
  readonly maxMemoryBytes: number
  readonly weight: number
}

/**
 * Ports in a row, and equal parts of memory and weight: together they take what one process would, and the same share of
 * the data.
 * @param cores that Node.js may use; where it tells, within the limit of the container
 * @throws CliError USAGE when memory or ports do not suffice
 */
export function planProcesses(whole: Whole, cores = availableParallelism()): Share[] {
  const { port, maxMemory, weight } = whole
  const count = processCount(whole, cores)
  requirePorts(port, count)
  return Array.from({ length: count }, (_, index) => ({
    port: port + index,
    maxMemoryBytes: Math.floor(maxMemory / count),
    weight: weight / count,
  }))
}

/** `auto`: one for each core, as far as the memory goes. */
function processCount({ processes, maxMemory }: Whole, cores: number): number {
  const most = Math.floor(maxMemory / MIN_MEMORY_BYTES)
  if (processes === 'auto') return Math.max(1, Math.min(cores, most, MAX_PROCESSES))
  if (processes > Math.max(1, most)) throw tooLittleMemory(processes, most)
  return processes
}

function tooLittleMemory(count: number, most: number): Error {
  const least = MIN_MEMORY_BYTES / MIB
  const fewer = most > 0 ? `, or at most --processes ${most}` : ''
  return usageError(
    `--processes ${count}: each needs at least ${least}mb: write --max-memory ${count * least}mb or more${fewer}`,
  )
}

function requirePorts(port: number, count: number): void {
  const last = port + count - 1
  if (last <= MAX_PORT) return
  throw usageError(
    `--port ${port}: ${plural(count, 'process', 'processes')} need the ports from there to ${last}: write --port ${MAX_PORT - count + 1} or less`,
  )
}
