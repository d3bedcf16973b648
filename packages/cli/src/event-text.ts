import type { ClusterEventType, LoggedEvent } from '@icf/common'
import type { Style } from './style.js'
import { formatBytes, formatDuration, plural } from './units.js'

const MEANINGS: Readonly<Record<ClusterEventType, string>> = {
  MASTER_STARTED: 'the master started',
  TOPOLOGY_ADOPTED:
    'the master had no state, or an old one: it goes on with what the cache servers that run follow',
  ADD_CACHE_SERVER: 'joined',
  SHUTDOWN_CACHE: 'is leaving',
  REFLESH_IP: 'died',
  SERVER_SILENT: 'is silent, and nobody else has what it has: that waits for it, or for icf forget',
  SERVER_RETURNED: 'is back with what it had',
  UNREACHABLE: 'neither reaches nor is reached by',
  REACHABLE: 'reaches again',
  RELEASED: 'left',
  MOVED: 'moved',
  SETTLED: 'everything is in its place',
  COPIES_TOGETHER: 'both copies stand',
  DATA_LOST: 'data was lost',
  AUDITED: 'every slot was compared with its backup',
}

const BAD: readonly ClusterEventType[] = ['REFLESH_IP', 'SERVER_SILENT', 'UNREACHABLE', 'DATA_LOST']
const GOOD: readonly ClusterEventType[] = ['SETTLED', 'ADD_CACHE_SERVER', 'SERVER_RETURNED', 'REACHABLE']

/** One line for people: `2026-01-02 14:03:07.120  REFLESH_IP  127.0.0.1:7101 died (silence) · 5,461 slots`. */
export function eventLine(entry: LoggedEvent, style: Style): string {
  const type = entry.type.padEnd(16)
  const paint = BAD.includes(entry.type) ? style.red : GOOD.includes(entry.type) ? style.green : style.bold
  return [style.dim(localTime(entry.at)), paint(type), sentence(entry)].join('  ').trimEnd()
}

function sentence(entry: LoggedEvent): string {
  const who = entry.address ?? entry.server?.slice(0, 8)
  // A newer master may tell of other things.
  const meanings: Partial<Record<string, string>> = MEANINGS
  const words = [who, meanings[entry.type], entry.reason && `(${entry.reason})`].filter(Boolean).join(' ')
  const figures = [
    entry.slots !== undefined && plural(entry.slots, 'slot'),
    entry.entries !== undefined && plural(entry.entries, 'key'),
    entry.bytes !== undefined && formatBytes(entry.bytes),
    entry.ms !== undefined && `after ${formatDuration(entry.ms)}`,
  ].filter((figure) => figure !== false)
  return [words, ...figures].join(' · ')
}

/** With its date, always: what is kept or sent to somebody is read on another day. */
function localTime(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  // The difference turns UTC into local time.
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  return local.toISOString().replace('T', ' ').replace('Z', '')
}
