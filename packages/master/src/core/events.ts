import type {
  ClusterEvent,
  IcfError,
  MasterInfo,
  Message,
  ProbeOutcome,
  Role,
  ServerInfo,
  Timing,
  Topology,
} from '@icf/common'
import type { DeparturesState } from './departures.js'
import type { Retired } from './retired.js'

/** Names one open connection; the shell never uses a number twice. */
export type LinkId = number

/** What the opener of a link said in HELLO. */
export interface Hello {
  readonly role: Role
  readonly id: string
  readonly details: readonly unknown[]
}

/** What the core survives a restart by. */
export interface MasterState {
  readonly topology: Topology
  /** Incarnations that must not come back, oldest first. */
  readonly retired: readonly Retired[]
  readonly departures: DeparturesState
  /** By which leases were given out; undefined when nobody knows. */
  readonly timing: Timing | undefined
  /** All audits of the schedule up to this time of day, in ms, are done; undefined: nobody knows. */
  readonly auditedUntil: number | undefined
}

/** All that can happen to the core. The time of each is given with it, in monotonic milliseconds. */
export type MasterEvent =
  | { readonly type: 'started' }
  /** All that are, or can become, the active one, or are there. */
  | { readonly type: 'masters'; readonly masters: readonly MasterInfo[] }
  /** HELLO was accepted by `admit()` and WELCOME is sent. */
  | {
      readonly type: 'linkOpened'
      readonly link: LinkId
      readonly hello: Hello
      /** It was open before this term: which topology the other end follows by now only its next heartbeat tells. */
      readonly isEarlier?: boolean
    }
  | { readonly type: 'message'; readonly link: LinkId; readonly message: Message }
  | { readonly type: 'linkLost'; readonly link: LinkId }
  /** Too much is unsent: no topology is sent there before linkDrained. */
  | { readonly type: 'linkCongested'; readonly link: LinkId }
  | { readonly type: 'linkDrained'; readonly link: LinkId }
  /** The answer to a `probe` effect. */
  | { readonly type: 'probed'; readonly probe: number; readonly finding: Finding }
  /** The answer to a `persist` effect: that state is safe. */
  | { readonly type: 'persisted'; readonly version: number }
  /** An operator wants these servers (ids) to leave. */
  | { readonly type: 'shutdown'; readonly request: number; readonly servers: readonly string[] }
  /** An operator gives these silent servers (ids) up, with what only they have. */
  | { readonly type: 'forget'; readonly request: number; readonly servers: readonly string[] }
  /** All slots are to be compared with their backups, unless they are being. @param until of the schedule: what is done then */
  | { readonly type: 'audit'; readonly until?: number }
  | { readonly type: 'tick' }
  /** The answer to a `turn` effect. */
  | { readonly type: 'turn' }

/** What the master itself found at a server's address. `foundId`: who answered there. */
export interface Finding {
  readonly outcome: ProbeOutcome
  readonly foundId?: string
}

/** What the shell has to do, in this order. */
export type Effect =
  /** Make it safe, then say `persisted`. The next one comes only after that. `events` are then true, and shown. */
  | { readonly type: 'persist'; readonly state: MasterState; readonly events: readonly ClusterEvent[] }
  | { readonly type: 'send'; readonly links: readonly LinkId[]; readonly message: Message }
  /** Tell the peer why and close. */
  | { readonly type: 'refuse'; readonly link: LinkId; readonly error: IcfError }
  | { readonly type: 'close'; readonly link: LinkId }
  /** A server follows a topology of this later epoch: another master is, or was, active after this one. */
  | { readonly type: 'surpassed'; readonly epoch: number }
  /** More is to be sent: say `turn` when the event loop has read what came meanwhile. */
  | { readonly type: 'turn' }
  /** See who is at the server's address, within `timeoutMs`. */
  | {
      readonly type: 'probe'
      readonly probe: number
      readonly server: Pick<ServerInfo, 'id' | 'host' | 'port'>
      readonly timeoutMs: number
    }
  /** The answer to a `shutdown` or `forget` event: every server that it concerns, or why it is not done. */
  | { readonly type: 'answer'; readonly request: number; readonly result: readonly string[] | IcfError }
  | {
      readonly type: 'log'
      readonly level: 'info' | 'warn'
      readonly text: string
      readonly fields: Readonly<Record<string, unknown>>
    }

/** `forgotten`: it was silent, and given up with what only it had: by an operator, or after `forgetAfterMs`. */
export type DeathReason = 'silence' | 'process gone' | 'replaced' | 'forgotten'
