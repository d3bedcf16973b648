import { formatAddress } from '@icf/common/node'
import type { ServerSnapshot, Snapshot } from '../core/index.js'
import { Exposition } from './prometheus.js'

/** What every master can say of itself. */
export interface MasterFigures {
  readonly isReady: boolean
  readonly isActive: boolean
  readonly connections: number
}

/** What the active one can say of its term. */
export interface TermFigures {
  readonly snapshot: Snapshot
  readonly commitMs: Readonly<{ sum: number; count: number }>
}

/** The page that Prometheus reads. @param term undefined: this master is a standby */
export function renderMetrics(
  { isReady, isActive, connections }: MasterFigures,
  term: TermFigures | undefined,
): string {
  const page = new Exposition()
  page.gauge(
    'icf_master_ready',
    '1 while this master is active, or a standby that follows one, and can save its state.',
    isReady ? 1 : 0,
  )
  page.gauge('icf_master_active', '1 while this master is active and can save its state.', isActive ? 1 : 0)
  page.gauge('icf_master_connections', 'Open connections of cache servers and clients.', connections)
  if (term) renderTerm(page, term)
  return page.toString()
}

function renderTerm(page: Exposition, { snapshot, commitMs }: TermFigures): void {
  const { topology, counters, totals } = snapshot
  page.gauge('icf_master_epoch', 'Term of this master.', topology.epoch)
  page.gauge('icf_topology_version', 'Version of the topology in effect.', topology.version)
  page.gauge('icf_slots', 'Slots in all.', topology.primary.length)
  page.gauge('icf_slots_served', 'Slots whose primary is connected.', snapshot.slotsServed)
  page.gauge(
    'icf_settled',
    '1 when every slot is served and backed up and nothing is to be moved.',
    snapshot.isSettled ? 1 : 0,
  )
  page.gauge('icf_moves_pending', 'Moves that are still to be made.', snapshot.movesPending)
  page.gauge('icf_slots_together', 'Slots whose two copies can be lost at once.', [
    [{ with: 'machine' }, snapshot.together.onOneMachine],
    [{ with: 'zone' }, snapshot.together.inOneZone],
  ])
  page.gauge(
    'icf_unreachable_pairs',
    'Pairs of cache servers that can not reach each other.',
    snapshot.unreachable.length,
  )
  page.gauge('icf_transitions', 'Slots whose copy is under way.', snapshot.transitions)
  page.counter('icf_commits_total', 'Topologies that took effect.', counters.commits)
  page.summary('icf_commit_duration_seconds', 'Time to save a topology.', {
    sum: commitMs.sum / 1000,
    count: commitMs.count,
  })
  page.counter('icf_moved_slots_total', 'Slots that were moved.', totals.slots)
  page.counter('icf_moved_entries_total', 'Entries that were copied by moves.', totals.entries)
  page.counter('icf_moved_bytes_total', 'Bytes that were copied by moves.', totals.bytes)
  page.counter(
    'icf_promoted_slots_total',
    'Slots whose backup took over after a death.',
    counters.promotedSlots,
  )
  page.counter('icf_lost_slots_total', 'Slots of which no complete copy was left.', counters.lostSlots)
  page.counter(
    'icf_deaths_total',
    'Cache servers that were declared dead.',
    Object.entries(counters.deaths).map(([reason, count]) => [{ reason }, count] as const),
  )
  page.counter('icf_probes_total', 'Probes of suspected servers.', counters.probes)
  page.counter(
    'icf_rejected_reports_total',
    'Reports about transitions that were over.',
    counters.rejectedReports,
  )
  renderAudits(page, snapshot)
  renderServers(page, snapshot.servers)
}

function renderAudits(page: Exposition, { audited, audit }: Snapshot): void {
  page.counter('icf_audit_slots_total', 'Slots that were compared with their backups.', audited.slots)
  page.counter('icf_audit_differences_total', 'Keys that differed on the backup, and were sent anew.', [
    [{ kind: 'missing' }, audited.missing],
    [{ kind: 'extra' }, audited.extra],
    [{ kind: 'different' }, audited.different],
  ])
  page.counter(
    'icf_audit_unmended_total',
    'Keys that differed again after they had been sent anew.',
    audited.unmended,
  )
  const endedMsAgo = audit?.endedMsAgo ?? null
  if (endedMsAgo !== null)
    page.gauge('icf_audit_age_seconds', 'Time since the last audit of this term ended.', endedMsAgo / 1000)
}

function renderServers(page: Exposition, servers: readonly ServerSnapshot[]): void {
  const inState = (state: string): number =>
    servers.filter((server) => !server.isAbsent && server.state === state).length
  const each = (value: (server: ServerSnapshot) => number): [Record<string, string>, number][] =>
    servers.map((server) => [{ server: formatAddress(server), id: server.id }, value(server)])
  page.gauge('icf_servers', 'Cache servers by state.', [
    [{ state: 'active' }, inState('active')],
    [{ state: 'leaving' }, inState('leaving')],
    [{ state: 'silent' }, servers.filter(({ isAbsent }) => isAbsent).length],
  ])
  page.gauge(
    'icf_server_connected',
    '1 while connected to the master.',
    each((server) => (server.isConnected ? 1 : 0)),
  )
  page.gauge(
    'icf_server_heartbeat_age_seconds',
    'Time since the last heartbeat.',
    each((server) => server.silentMs / 1000),
  )
  page.gauge(
    'icf_server_primary_slots',
    'Slots that it serves.',
    each((server) => server.primarySlots),
  )
  page.gauge(
    'icf_server_backup_slots',
    'Slots that it backs up.',
    each((server) => server.backupSlots),
  )
  page.gauge(
    'icf_server_keys',
    'Keys in primary copies.',
    each(({ load }) => load?.primaryKeys ?? 0),
  )
  page.gauge(
    'icf_server_bytes',
    'Bytes in primary copies.',
    each(({ load }) => load?.primaryBytes ?? 0),
  )
  page.gauge(
    'icf_server_backup_keys',
    'Keys in backup copies.',
    each(({ load }) => load?.backupKeys ?? 0),
  )
  page.gauge(
    'icf_server_backup_bytes',
    'Bytes in backup copies.',
    each(({ load }) => load?.backupBytes ?? 0),
  )
  page.gauge(
    'icf_server_max_memory_bytes',
    'Its memory for entries.',
    each((server) => server.maxMemoryBytes),
  )
  page.gauge(
    'icf_server_rss_bytes',
    'Memory of the process.',
    each(({ load }) => load?.rssBytes ?? 0),
  )
  page.counter(
    'icf_server_commands_total',
    'Commands that it ran.',
    each(({ load }) => load?.commands ?? 0),
  )
  page.counter(
    'icf_server_evictions_total',
    'Entries evicted for want of memory.',
    each(({ load }) => load?.evictions ?? 0),
  )
  page.counter(
    'icf_server_backup_evictions_total',
    'Backup entries evicted on their own: an alarm, as the copies then differ.',
    each(({ load }) => load?.backupEvictions ?? 0),
  )
}
