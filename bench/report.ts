import type { Sample } from './load.js'
import type { Cell } from './options.js'

/** Libraries that drive the Redis Cluster. The best of them is the measure. */
export const redisClients = ['iovalkey', 'ioredis', 'node-redis', 'valkey-glide'] as const

export type SystemName = 'icf' | (typeof redisClients)[number]

export interface CellResult {
  readonly cell: Cell
  /** Median over the rounds, metric by metric. */
  readonly medians: Partial<Record<SystemName, Sample>>
  /** Slowest and fastest round, in ops/s: how far to trust the median. */
  readonly range: Partial<Record<SystemName, readonly [number, number]>>
  /** How many times better icf is than the best of the others, metric by metric. */
  readonly ratios: Ratios | undefined
}

export interface Ratios {
  readonly opsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly clientCpu: number
}

/** What the project has set itself: GET and SET at 512 in flight, against the best of the Redis clients. */
const aims = [
  { operation: 'GET', inFlight: 512, atLeast: 4 },
  { operation: 'SET', inFlight: 512, atLeast: 2 },
] as const

export function summarize(cell: Cell, samples: ReadonlyMap<SystemName, readonly Sample[]>): CellResult {
  const entries = [...samples].filter(([, rounds]) => rounds.length > 0)
  const medians = Object.fromEntries(entries.map(([name, rounds]) => [name, medianSample(rounds)]))
  const range = Object.fromEntries(entries.map(([name, rounds]) => [name, opsRange(rounds)]))
  return { cell, medians, range, ratios: ratiosOf(medians) }
}

function medianSample(rounds: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number): number => median(rounds.map(pick))
  const serverKnown = rounds.every((sample) => sample.serverCpuUsPerOp !== undefined)
  return {
    opsPerSecond: of((sample) => sample.opsPerSecond),
    p50Us: of((sample) => sample.p50Us),
    p99Us: of((sample) => sample.p99Us),
    clientCpuUsPerOp: of((sample) => sample.clientCpuUsPerOp),
    serverCpuUsPerOp: serverKnown ? of((sample) => sample.serverCpuUsPerOp!) : undefined,
    misses: rounds.reduce((sum, sample) => sum + sample.misses, 0),
  }
}

function opsRange(rounds: readonly Sample[]): [number, number] {
  const ops = rounds.map((sample) => sample.opsPerSecond)
  return [Math.min(...ops), Math.max(...ops)]
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function ratiosOf(medians: Partial<Record<SystemName, Sample>>): Ratios | undefined {
  const { icf, ...others } = medians
  const rivals = Object.values(others)
  if (!icf || rivals.length === 0) return undefined
  const least = (pick: (sample: Sample) => number): number => Math.min(...rivals.map(pick))
  return {
    opsPerSecond: icf.opsPerSecond / Math.max(...rivals.map((sample) => sample.opsPerSecond)),
    p50: least((sample) => sample.p50Us) / icf.p50Us,
    p99: least((sample) => sample.p99Us) / icf.p99Us,
    clientCpu: least((sample) => sample.clientCpuUsPerOp) / icf.clientCpuUsPerOp,
  }
}

export function renderTable(results: readonly CellResult[]): string {
  return [...results.flatMap(renderCell), ...renderAims(results), ...renderMisses(results)].join('\n')
}

const columns = ['ops/s', 'slowest–fastest', 'p50', 'p99', 'client CPU/op', 'server CPU/op']
const widths = [11, 19, 10, 10, 15, 15]

function renderCell({ cell, medians, range, ratios }: CellResult): string[] {
  const lines = [row(`${cell.operation}, ${cell.inFlight} in flight`, columns)]
  for (const [name, sample] of Object.entries(medians)) {
    const [slowest, fastest] = range[name as SystemName]!
    lines.push(
      row(`  ${name}`, [
        thousands(sample.opsPerSecond),
        `${thousands(slowest)}–${thousands(fastest)}`,
        duration(sample.p50Us),
        duration(sample.p99Us),
        duration(sample.clientCpuUsPerOp),
        sample.serverCpuUsPerOp === undefined ? '–' : duration(sample.serverCpuUsPerOp),
      ]),
    )
  }
  if (ratios)
    lines.push(
      row('  icf is better by', [
        times(ratios.opsPerSecond),
        '',
        times(ratios.p50),
        times(ratios.p99),
        times(ratios.clientCpu),
        '',
      ]),
    )
  return [...lines, '']
}

function renderAims(results: readonly CellResult[]): string[] {
  return aims.flatMap(({ operation, inFlight, atLeast }) => {
    const found = results.find(({ cell }) => cell.operation === operation && cell.inFlight === inFlight)
    if (!found?.ratios) return []
    const ratio = found.ratios.opsPerSecond
    return [
      `${ratio >= atLeast ? '✔' : '✖'} ${operation} at ${inFlight}: ${times(ratio)}, the aim is ${atLeast}×`,
    ]
  })
}

function renderMisses(results: readonly CellResult[]): string[] {
  const misses = results
    .flatMap(({ medians }) => Object.values(medians))
    .reduce((sum, { misses }) => sum + misses, 0)
  return misses > 0 ? [`✖ ${misses} GETs did not find their value: nothing above can be trusted`] : []
}

function row(title: string, cells: readonly string[]): string {
  return title.padEnd(20) + cells.map((cell, index) => cell.padStart(widths[index]!)).join('')
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function duration(us: number): string {
  return us >= 1000
    ? `${(us / 1000).toFixed(2)} ms`
    : us >= 100
      ? `${us.toFixed(0)} µs`
      : `${us.toFixed(2)} µs`
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)}×`
}
