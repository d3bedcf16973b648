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
}

export const DEFAULT_MAX_TRANSITIONS_PER_SERVER = 1024
