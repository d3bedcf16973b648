import { SLOT_COUNT, type MasterStatus, type ServerStatus, type Status } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import type { Style } from './style.js'
import { layOutTable } from './table.js'
import { formatBytes, formatCount, plural } from './units.js'

/** Pairs that are named one by one. */
const MOST_PAIRS = 4

/** What `icf status` prints. */
export function statusLines(status: Status, style: Style): string[] {
  const state = status.settled ? style.green('settled') : style.yellow(`not settled: ${pendingOf(status)}`)
  const [keys, bytes] = [sum(status.servers, 'keys'), sum(status.servers, 'bytes')]
  const evictions = evictionsOf(status)
  const evicted =
    evictions > 0 ? ` · ${style.yellow(`${formatCount(evictions)} evicted: the memory is full`)}` : ''
  return [
    `${state} · epoch ${status.epoch}, version ${status.version}`,
    `${formatCount(status.slotsServed)} of ${formatCount(SLOT_COUNT)} slots served · ${plural(keys, 'key')}, ${formatBytes(bytes)}${evicted}`,
    ...togetherLines(status, style),
    ...unreachableLines(status, style),
    '',
    ...masterTable(status.masters, style),
    '',
    ...(status.servers.length > 0 ? serverTable(status.servers, style) : ['no cache server has joined']),
  ]
}

/** What a death would take both copies of. */
function togetherLines({ slotsOnOneMachine, slotsInOneZone }: Status, style: Style): string[] {
  const line = (slots: number, where: string, what: string): string[] =>
    slots > 0 ? [style.yellow(`${plural(slots, 'slot')} with both copies ${where}: ${what}`)] : []
  return [
    ...line(
      slotsOnOneMachine,
      'on one machine',
      'its death would lose them; start a cache server on another one',
    ),
    ...line(slotsInOneZone, 'in one zone', 'its loss would lose them; another zone needs more cache servers'),
  ]
}

function unreachableLines({ unreachable, servers }: Status, style: Style): string[] {
  const nameOf = (id: string): string => {
    const server = servers.find((one) => one.id === id)
    return server ? formatAddress(server) : id.slice(0, 8)
  }
  const lines = unreachable
    .slice(0, MOST_PAIRS)
    .map(([one, other]) => `${nameOf(one)} and ${nameOf(other)} can not reach each other`)
  const more = unreachable.length - lines.length
  if (more > 0) lines.push(`nor can ${plural(more, 'more pair')}`)
  return lines.map((line) => style.yellow(line))
}

/** Keys that had to go because the memory of a server was full. */
export function evictionsOf({ servers }: Status): number {
  return sum(servers, 'evictions')
}

/** What is missing before everything is in its place, in a few words. */
export function pendingOf(status: Status): string {
  const parts: string[] = []
  if (status.servers.length === 0) parts.push('no cache server has joined')
  const unserved = SLOT_COUNT - status.slotsServed
  if (unserved > 0) parts.push(`${plural(unserved, 'slot')} not served`)
  const silent = status.servers.filter(({ quiet }) => quiet).map(formatAddress)
  if (silent.length > 0) parts.push(`no heartbeat from ${silent.join(', ')}`)
  if (status.movesPending > 0) parts.push(`${plural(status.movesPending, 'move')} pending`)
  if (parts.length === 0) parts.push('backups are not complete')
  return parts.join(', ')
}

function masterTable(masters: readonly MasterStatus[], style: Style): string[] {
  const columns = [{ title: 'MASTER' }, { title: 'ID' }, { title: 'ROLE' }, { title: 'STATE' }]
  const rows = masters.map((master) => [
    formatAddress(master),
    master.id.slice(0, 8),
    master.isVoter ? master.role : `${master.role}, without a vote yet`,
    master.alive ? style.green('alive') : style.red('dead'),
  ])
  return layOutTable(columns, rows, style.bold)
}

function serverTable(servers: readonly ServerStatus[], style: Style): string[] {
  const columns = [
    { title: 'CACHE SERVER' },
    { title: 'ID' },
    { title: 'ZONE' },
    { title: 'WEIGHT', align: 'right' },
    { title: 'STATE' },
    { title: 'PRIMARY', align: 'right' },
    { title: 'BACKUP', align: 'right' },
    { title: 'KEYS', align: 'right' },
    { title: 'MEMORY', align: 'right' },
  ] as const
  const sorted = [...servers].sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port)
  const rows = sorted.map((server) => [
    formatAddress(server),
    server.id.slice(0, 8),
    server.zone || '–',
    String(server.weight),
    server.state === 'active' ? server.state : style.yellow(server.state),
    formatCount(server.primarySlots),
    formatCount(server.backupSlots),
    formatCount(server.keys),
    formatBytes(server.bytes),
  ])
  return layOutTable(columns, rows, style.bold)
}

function sum(servers: readonly ServerStatus[], field: 'keys' | 'bytes' | 'evictions'): number {
  return servers.reduce((total, server) => total + server[field], 0)
}
