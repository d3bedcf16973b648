import type { MasterInfo, MasterStatus, Status } from '@icf/common'
import type { Snapshot } from '../core/index.js'

export interface SelfDescription {
  readonly cluster: string
  /** As others know it. */
  readonly self: MasterInfo
  /** All that it has met. */
  readonly otherMasters: readonly MasterStatus[]
}

/** The object of `icf status --json`. */
export function statusOf(snapshot: Snapshot, { cluster, self, otherMasters }: SelfDescription): Status {
  const { topology, progress } = snapshot
  return {
    cluster,
    epoch: topology.epoch,
    version: topology.version,
    settled: snapshot.isSettled,
    slotsServed: snapshot.slotsServed,
    movesPending: snapshot.movesPending,
    transitions: snapshot.transitions,
    slotsOnOneMachine: snapshot.together.onOneMachine,
    slotsInOneZone: snapshot.together.inOneZone,
    unreachable: snapshot.unreachable,
    progress: progress
      ? {
          slotsMoved: progress.slots,
          entriesMoved: progress.entries,
          bytesMoved: progress.bytes,
          bytesPerSecond: Math.round(progress.bytesPerSecond),
          elapsedMs: Math.round(progress.elapsedMs),
          etaMs: progress.etaMs === undefined ? null : Math.round(progress.etaMs),
        }
      : null,
    masters: [selfStatus(self), ...otherMasters],
    servers: snapshot.servers.map((server) => ({
      id: server.id,
      host: server.host,
      port: server.port,
      respPort: server.respPort,
      zone: server.zone,
      machine: server.machine,
      weight: server.weight,
      state: server.isAbsent ? 'silent' : server.state,
      connected: server.isConnected,
      quiet: server.isQuiet,
      silentMs: Math.round(server.silentMs),
      primarySlots: server.primarySlots,
      backupSlots: server.backupSlots,
      keys: server.load?.primaryKeys ?? 0,
      bytes: server.load?.primaryBytes ?? 0,
      backupKeys: server.load?.backupKeys ?? 0,
      backupBytes: server.load?.backupBytes ?? 0,
      maxMemoryBytes: server.maxMemoryBytes,
      evictions: server.load?.evictions ?? 0,
      backupEvictions: server.load?.backupEvictions ?? 0,
      commands: server.load?.commands ?? 0,
      rssBytes: server.load?.rssBytes ?? 0,
    })),
  }
}

function selfStatus({ id, host, port, httpPort }: MasterInfo): MasterStatus {
  return { id, host, port, httpPort: httpPort || null, role: 'active', alive: true, isVoter: true }
}
