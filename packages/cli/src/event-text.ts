import type { Style } from './style.js'
import { formatBytes, formatDuration, plural } from './units.js'

/** An entry of the master's event log. */
export interface LogEntry {
  readonly n: number
  /** ISO 8601. */
  readonly at: string
  readonly type: string
  readonly server?: string
  readonly address?: string
  readonly reason?: string
  readonly slots?: number
  readonly entries?: number
  readonly bytes?: number
  readonly ms?: number
}

const MEANINGS: Readonly<Record<string, string>> = {
  MASTER_STARTED: 'the master started',
  ADD_CACHE_SERVER: 'joined',
  SHUTDOWN_CACHE: 'is leaving',
  REFLESH_IP: 'died',
  RELEASED: 'left',
  MOVED: 'moved',
  SETTLED: 'everything is in its place',
  DATA_LOST: 'data was lost',
}

const BAD: readonly string[] = ['REFLESH_IP', 'DATA_LOST']
const GOOD: readonly string[] = ['SETTLED', 'ADD_CACHE_SERVER']

/** One line for people: `14:03:07.120  REFLESH_IP  127.0.0.1:7101 died (silence) · 5,461 slots`. */
export function eventLine(entry: LogEntry, style: Style): string {
  const at = new Date(entry.at)
  const clock = Number.isNaN(at.getTime())
    ? entry.at
    : `${at.toTimeString().slice(0, 8)}.${pad3(at.getMilliseconds())}`
  const type = entry.type.padEnd(16)
  const paint = BAD.includes(entry.type) ? style.red : GOOD.includes(entry.type) ? style.green : style.bold
  return [style.dim(clock), paint(type), sentence(entry)].join('  ').trimEnd()
}

function sentence(entry: LogEntry): string {
  const who = entry.address ?? entry.server?.slice(0, 8)
  const words = [who, MEANINGS[entry.type] ?? '', entry.reason && `(${entry.reason})`]
    .filter(Boolean)
    .join(' ')
  const figures = [
    entry.slots !== undefined && plural(entry.slots, 'slot'),
    entry.entries !== undefined && plural(entry.entries, 'key'),
    entry.bytes !== undefined && formatBytes(entry.bytes),
    entry.ms !== undefined && `after ${formatDuration(entry.ms)}`,
  ].filter((figure) => figure !== false)
  return [words, ...figures].join(' · ')
}

function pad3(ms: number): string {
  return String(ms).padStart(3, '0')
}
