import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'
import type { Driver } from './drivers/driver.js'
import type { Operation } from './options.js'
import { cpuTimeMs } from './cpu-time.js'
import { Random } from '@icf/testkit/random'

export interface Job {
  readonly operation: Operation
  readonly inFlight: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly seed: number
  /** Processes whose CPU time counts as the servers'. */
  readonly serverPids: readonly number[]
}

export interface Sample {
  readonly opsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly clientCpuUsPerOp: number
  /** Undefined where the system does not tell. */
  readonly serverCpuUsPerOp: number | undefined
  /** GETs that did not find a value of the right length. There must be none. */
  readonly misses: number
}

export function benchKeys(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key:${String(index).padStart(8, '0')}`)
}

/** Values of the same length that differ, so that nobody gains by remembering one. */
export function benchValues(bytes: number): string[] {
  return Array.from({ length: 64 }, (_, index) => String(index).padEnd(bytes, 'abcdefghij'))
}

export async function preload(
  driver: Driver,
  keys: readonly string[],
  values: readonly string[],
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < keys.length) {
      const index = next++
      await driver.set(keys[index]!, values[index % values.length]!)
    }
  }
  await Promise.all(Array.from({ length: 256 }, lane))
}

/**
 * Keeps so many requests in flight: each lane sends its next request when the last one is answered. What is answered
 * after the warm-up and before the end counts.
 */
export async function measure(
  driver: Driver,
  keys: readonly string[],
  values: readonly string[],
  job: Job,
): Promise<Sample> {
  const run = new Run(job.seed)
  const lane =
    job.operation === 'GET'
      ? () => getLane(run, driver, keys, values)
      : () => setLane(run, driver, keys, values)
  const lanes = Promise.all(Array.from({ length: job.inFlight }, lane))
  const windowed = (async () => {
    await delay(job.warmUpMs)
    const before = snapshot(job)
    run.histogram.reset()
    run.recording = true
    await delay(job.measureMs)
    run.recording = false
    run.done = true
    return { before, after: snapshot(job) }
  })()
  const [{ before, after }] = await Promise.all([windowed, lanes])
  const operations = run.histogram.count
  const serverMs = before.serverMs === undefined ? undefined : after.serverMs! - before.serverMs
  return {
    opsPerSecond: (operations / (after.atMs - before.atMs)) * 1000,
    p50Us: run.histogram.percentile(50) / 1000,
    p99Us: run.histogram.percentile(99) / 1000,
    clientCpuUsPerOp: ((after.clientMs - before.clientMs) * 1000) / operations,
    serverCpuUsPerOp: serverMs === undefined ? undefined : (serverMs * 1000) / operations,
    misses: run.misses,
  }
}

class Run {
  readonly histogram: RecordableHistogram = createHistogram()
  readonly random: Random
  recording = false
  done = false
  misses = 0

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  record(startMs: number): void {
    if (this.recording) this.histogram.record(Math.max(1, Math.round((performance.now() - startMs) * 1e6)))
  }
}

async function getLane(
  run: Run,
  driver: Driver,
  keys: readonly string[],
  values: readonly string[],
): Promise<void> {
  const length = values[0]!.length
  while (!run.done) {
    const key = keys[run.random.integer(0, keys.length)]!
    const startMs = performance.now()
    const value = await driver.get(key)
    run.record(startMs)
    if (value?.length !== length) run.misses++
  }
}

async function setLane(
  run: Run,
  driver: Driver,
  keys: readonly string[],
  values: readonly string[],
): Promise<void> {
  while (!run.done) {
    const pick = run.random.integer(0, keys.length)
    const startMs = performance.now()
    await driver.set(keys[pick]!, values[pick % values.length]!)
    run.record(startMs)
  }
}

function snapshot(job: Job): { atMs: number; clientMs: number; serverMs: number | undefined } {
  const { user, system } = process.cpuUsage()
  return { atMs: performance.now(), clientMs: (user + system) / 1000, serverMs: cpuTimeMs(job.serverPids) }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
