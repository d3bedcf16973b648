import type { Differences } from './wire/audit.js'

/** What an operator may ask a master for with ADMIN_REQUEST, and what it answers. */
export interface AdminCommands {
  readonly STATUS: { readonly args: NoArguments; readonly result: Status }
  /** As `decodeTopology` reads it. */
  readonly TOPOLOGY: { readonly args: NoArguments; readonly result: unknown }
  /** What is still to come before everything is in its place. */
  readonly PLAN: { readonly args: NoArguments; readonly result: Plan }
  /** Has servers hand everything over and leave. With `dryRun` nothing happens. */
  readonly SHUTDOWN_CACHE: {
    readonly args: SelectedServers
    readonly result: { readonly servers: readonly string[]; readonly plan: Plan }
  }
  /** Gives silent servers up, with the slots that only they have. With `dryRun` nothing happens. */
  readonly FORGET: {
    readonly args: SelectedServers
    readonly result: { readonly servers: readonly string[]; readonly slots: number }
  }
  /** Takes a master that will not come back out of those that vote. */
  readonly FORGET_MASTER: {
    /** Id, beginning of an id, or host:port. */
    readonly args: { readonly master: string }
    readonly result: { readonly id: string; readonly host: string; readonly port: number }
  }
  /**
   * Makes a standby the active master. What that decides first is in effect when STATUS, asked of it, names a later epoch.
   */
  readonly FAILOVER: {
    /** Id, beginning of an id, or host:port of it; null: whichever can. */
    readonly args: { readonly to: string | null }
    /** `epoch`: of the term that has ended. */
    readonly result: {
      readonly epoch: number
      readonly master: { readonly id: string; readonly host: string; readonly port: number }
    }
  }
  /**
   * Has all slots compared with their backups, with `begin`, unless they are being. The newest audit of the active master's
   * term; null: there was none.
   */
  readonly AUDIT: {
    readonly args: { readonly begin: boolean }
    readonly result: AuditStatus | null
  }
  /** The entries after the one with the number `since`; with `follow`, an EVENT for each one to come. */
  readonly EVENTS: {
    readonly args: { readonly since: number; readonly follow: boolean }
    readonly result: { readonly events: readonly LoggedEvent[] }
  }
}

export type AdminCommand = keyof AdminCommands
export type AdminArguments<C extends AdminCommand> = AdminCommands[C]['args']
export type AdminResult<C extends AdminCommand> = AdminCommands[C]['result']

type NoArguments = Readonly<Record<string, never>>

interface SelectedServers {
  /** Each an id, the beginning of one, or host:port. */
  readonly servers: readonly string[]
  readonly dryRun: boolean
}

/** What `icf status --json` prints. */
export interface Status {
  readonly cluster: string
  readonly epoch: number
  readonly version: number
  /** Every slot is served and backed up, and nothing is to be moved. */
  readonly settled: boolean
  readonly slotsServed: number
  readonly movesPending: number
  /** Slots whose copy is under way. */
  readonly transitions: number
  /** Slots whose two copies can be lost at once, with a machine … */
  readonly slotsOnOneMachine: number
  /** … or with a zone. */
  readonly slotsInOneZone: number
  /** Ids of cache servers that can not reach each other, by twos. */
  readonly unreachable: readonly (readonly [string, string])[]
  /** Of the moves since all was in its place; null when it is. */
  readonly progress: MoveProgress | null
  readonly masters: readonly MasterStatus[]
  readonly servers: readonly ServerStatus[]
}

/** One comparison of all slots with their backups. */
export interface AuditStatus extends Differences {
  /** Of the master that makes it: another one begins anew. */
  readonly epoch: number
  /** In that term: 1 is the first one. */
  readonly round: number
  readonly running: boolean
  /** In all. */
  readonly slots: number
  /** Slots of which every key was. When it has ended, the others could not be. */
  readonly compared: number
  /** Since its start; when it has ended, until then. */
  readonly ms: number
  /** null: it runs. */
  readonly endedMsAgo: number | null
}

export interface MoveProgress {
  readonly slotsMoved: number
  readonly entriesMoved: number
  readonly bytesMoved: number
  readonly bytesPerSecond: number
  readonly elapsedMs: number
  /** null: nobody knows. */
  readonly etaMs: number | null
}

export interface MasterStatus {
  readonly id: string
  readonly host: string
  readonly port: number
  /** null: it serves no HTTP. */
  readonly httpPort: number | null
  readonly role: 'active' | 'standby'
  readonly alive: boolean
  /** Whether it has a say in which master is active. One that has none never becomes it. */
  readonly isVoter: boolean
}

export interface ServerStatus {
  readonly id: string
  readonly host: string
  readonly port: number
  /** 0: it does not speak the Redis protocol. */
  readonly respPort: number
  /** '' where none was given; the same for `machine`. */
  readonly zone: string
  readonly machine: string
  readonly weight: number
  /** `silent`: not heard of, and what only it has waits for it. */
  readonly state: 'active' | 'leaving' | 'silent'
  readonly connected: boolean
  /** It missed several heartbeats, or its connection to the master broke: it may be dead. */
  readonly quiet: boolean
  /** Since its last sign of life. */
  readonly silentMs: number
  readonly primarySlots: number
  readonly backupSlots: number
  readonly keys: number
  readonly bytes: number
  readonly backupKeys: number
  readonly backupBytes: number
  readonly maxMemoryBytes: number
  /** Keys that had to go because the memory was full, since it started. */
  readonly evictions: number
  readonly backupEvictions: number
  readonly commands: number
  /** Memory of the whole process. */
  readonly rssBytes: number
}

/** What a change moves. */
export interface Plan {
  readonly primaryMoves: number
  readonly backupMoves: number
  /** Primary moves in which the two copies change roles and nothing is copied. */
  readonly swaps: number
  /** Slots that are copied over the network. */
  readonly copies: number
  /** Estimates, by what each present primary holds on average. */
  readonly entries: number
  readonly bytes: number
}

/** What can happen to a cluster. */
export type ClusterEventType =
  | 'MASTER_STARTED'
  | 'TOPOLOGY_ADOPTED'
  | 'ADD_CACHE_SERVER'
  | 'SHUTDOWN_CACHE'
  | 'REFLESH_IP'
  | 'SERVER_SILENT'
  | 'SERVER_RETURNED'
  | 'UNREACHABLE'
  | 'REACHABLE'
  | 'RELEASED'
  | 'MOVED'
  | 'SETTLED'
  | 'COPIES_TOGETHER'
  | 'DATA_LOST'
  | 'AUDITED'

/** An entry of the event log, before it gets its number and the time of day. */
export interface ClusterEvent {
  readonly type: ClusterEventType
  readonly server?: string
  readonly address?: string
  readonly reason?: string
  /** Slots that moved, were promoted, or were lost. */
  readonly slots?: number
  readonly entries?: number
  readonly bytes?: number
  /** How long it took: a move from start to end, a death from the last sign of life to its discovery. */
  readonly ms?: number
}

/** An entry of the event log. */
export interface LoggedEvent extends ClusterEvent {
  /** Grows by one with every entry, across restarts of the master. */
  readonly n: number
  /** Wall-clock time, ISO 8601. */
  readonly at: string
}
