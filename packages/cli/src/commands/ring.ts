import { NONE, presentServers, type ServerInfo, type Topology } from '@icf/common'
import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { withAdmin } from '../session.js'
import { runs } from './runs.js'
import { styleFor } from '../style.js'
import { layOutTable } from '../table.js'
import { formatCount } from '../units.js'

interface Holding {
  readonly server: ServerInfo
  readonly primarySlots: number
  readonly backupSlots: number
}

export function addRing(program: Command): void {
  const command = program
    .command('ring')
    .summary('show how the slots are shared out')
    .description(
      'Shows how many of the 16384 slots each cache server serves, and of how many it keeps the backup.',
    )
  addConnectOptions(command).action(runs(ring))
}

async function ring(options: ConnectOptions): Promise<number> {
  const { formatAddress } = await import('@icf/common/node')
  const topology = await withAdmin(options, (admin) => admin.topology())
  const holdings = countSlots(topology)
  const slotCount = topology.primary.length
  const served = holdings.reduce((sum, { primarySlots }) => sum + primarySlots, 0)
  const backedUp = holdings.reduce((sum, { backupSlots }) => sum + backupSlots, 0)
  if (options.json)
    printJson({
      ...summary(topology),
      slotsServed: served,
      slotsBackedUp: backedUp,
      servers: holdings.map((holding) => toJson(holding, slotCount)),
    })
  else
    print(
      ...layOutHoldings(holdings, slotCount, formatAddress),
      '',
      `${formatCount(served)} of ${formatCount(slotCount)} slots are served, ${formatCount(backedUp)} have a backup` +
        ` · epoch ${topology.epoch}, version ${topology.version}`,
      `${topology.ring.virtualNodes} virtual nodes a server and unit of weight, seed ${topology.ring.seed}`,
    )
  return Exit.DONE
}

export function countSlots(topology: Topology): Holding[] {
  const primaries = new Map<number, number>()
  const backups = new Map<number, number>()
  for (let slot = 0; slot < topology.primary.length; slot++) {
    increment(primaries, topology.primary[slot]!)
    increment(backups, topology.backup[slot]!)
  }
  const servers = presentServers(topology).sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port)
  return servers.map((server) => {
    const seat = topology.servers.indexOf(server)
    return { server, primarySlots: primaries.get(seat) ?? 0, backupSlots: backups.get(seat) ?? 0 }
  })
}

function increment(counts: Map<number, number>, seat: number): void {
  if (seat !== NONE) counts.set(seat, (counts.get(seat) ?? 0) + 1)
}

function layOutHoldings(
  holdings: readonly Holding[],
  slotCount: number,
  formatAddress: (server: ServerInfo) => string,
): string[] {
  const style = styleFor(process.stdout)
  const columns = [
    { title: 'SERVER' },
    { title: 'ID' },
    { title: 'ZONE' },
    { title: 'WEIGHT', align: 'right' },
    { title: 'PRIMARY', align: 'right' },
    { title: 'SHARE', align: 'right' },
    { title: 'BACKUP', align: 'right' },
  ] as const
  const rows = holdings.map(({ server, primarySlots, backupSlots }) => [
    formatAddress(server),
    server.id.slice(0, 8),
    server.zone || '–',
    String(server.weight),
    formatCount(primarySlots),
    `${((100 * primarySlots) / slotCount).toFixed(1)} %`,
    formatCount(backupSlots),
  ])
  return layOutTable(columns, rows, style.bold)
}

function summary({ epoch, version, ring: { virtualNodes, seed } }: Topology): object {
  return { epoch, version, virtualNodes, seed }
}

function toJson({ server, primarySlots, backupSlots }: Holding, slotCount: number): object {
  const { id, host, port, zone, weight, state } = server
  return {
    id,
    host,
    port,
    zone,
    weight,
    state,
    primarySlots,
    primaryShare: primarySlots / slotCount,
    backupSlots,
  }
}
