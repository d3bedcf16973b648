import type { RingSettings, Timing } from '@icf/common'
import type { MasterState } from './events.js'

export interface MasterOptions {
  /** Term of this master: greater than any before. */
  readonly epoch: number
  readonly timing: Timing
  /** For a new cluster; one that is stored keeps its own. */
  readonly ring: RingSettings
  /** Copies that one server sends, and receives, at a time. Default 256. */
  readonly maxTransitionsPerServer?: number
  /** What an earlier term left; undefined for a new cluster. */
  readonly stored?: MasterState
  /**
   * In a cluster that never had a server: the first ones wait this long, in case that others run which follow a
   * topology: then that is taken over. Default 0.
   */
  readonly returnWindowMs?: number
}

export const DEFAULT_MAX_TRANSITIONS_PER_SERVER = 1024
