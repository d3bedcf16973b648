import type { MasterInfo, RingSettings, Timing } from '@icf/common'
import type { MasterState } from './events.js'

export interface MasterOptions {
  /** Term of this master: greater than any before. */
  readonly epoch: number
  readonly timing: Timing
  /** For a new cluster; one that is stored keeps its own. */
  readonly ring: RingSettings
  /** This one, and all others that can become active or are there. Default: nobody knows. */
  readonly masters?: readonly MasterInfo[]
  /** A power of two up to SLOT_COUNT, which is the default; for a new cluster, like the ring. */
  readonly slotCount?: number
  /** Copies that one server sends, and receives, at a time. Default 1024. */
  readonly maxTransitionsPerServer?: number
  /** What an earlier term left; undefined for a new cluster. */
  readonly stored?: MasterState
  /**
   * At the start, the first servers wait this long for all others to come, in case that one follows a newer topology than
   * the stored one: then that is taken over. Default 0.
   */
  readonly returnWindowMs?: number
  /** For a new cluster: audits of the schedule that were due before this time of day, in ms, are none of its own. */
  readonly auditedUntil?: number
  /** A server that is silent for this long is given up with what only it has. Default one hour. */
  readonly forgetAfterMs?: number
}

export const DEFAULT_FORGET_AFTER_MS = 3_600_000

export const DEFAULT_MAX_TRANSITIONS_PER_SERVER = 1024
