import type { RingSettings } from '../topology/topology.js'

export { NONE, type RingSettings } from '../topology/topology.js'

/** A server as far as placement is concerned. Its index in the list of servers is what the columns hold. */
export interface PlacementServer {
  /** Unique in the list; with the ring's seed it decides where the server's points lie. */
  readonly id: string
  /** '' when none was given. */
  readonly zone: string
  /** What it dies with; '' when nobody knows. */
  readonly machine: string
  /** Share of the data relative to the others, ≥ 0, fractions allowed. 0: it is to hold nothing (leaving, vacant). */
  readonly weight: number
}

/** Slot → index of a server, or NONE. Both have an entry for each slot there is. */
export interface Columns {
  readonly primary: Readonly<Uint16Array>
  readonly backup: Readonly<Uint16Array>
}

/** Columns under construction. */
export interface MutableColumns extends Columns {
  readonly primary: Uint16Array
  readonly backup: Uint16Array
}

/**
 * One step of one slot:
 *
 * - `backup`, to C: the primary streams a copy to C, C becomes the backup, the old backup drops its copy.
 *   C = NONE: the backup is dropped, nothing is copied.
 * - `primary`, to N, N being the backup: the two swap roles, nothing is copied. (If there was no primary, N is
 *   promoted, and the slot has no backup.)
 * - `primary`, to another N: the primary streams a copy to N, N becomes the primary, the old primary drops its
 *   copy, the backup stays.
 *
 * `from` is who held that role before, or NONE.
 */
export interface Move {
  readonly slot: number
  readonly kind: 'backup' | 'primary'
  readonly from: number
  readonly to: number
}

/**
 * Why moves are made, which decides their order: `grow` for ADD_CACHE_SERVER, `shrink` for SHUTDOWN_CACHE, `restore`
 * for REFLESH_IP.
 */
export type MoveOrder = 'grow' | 'shrink' | 'restore'

/** What `target` starts from. */
export interface TargetInput {
  readonly servers: readonly PlacementServer[]
  readonly ring: RingSettings
  /** What is in force now. An index that no server has counts as NONE. */
  readonly current: Columns
  /** Slot → index of the server that must be its primary; ignored where that server does not exist or has weight 0. */
  readonly pins?: ReadonlyMap<number, number>
}
