import type { Topology } from '@icf/common'

/** What masters decide, and when it is safe: from then on it is in effect. */
export interface Decisions {
  /** Told of each topology when it is safe, and before its master goes on. */
  written: ((topology: Topology, before: Topology | undefined) => void) | undefined
  /** Whether a decision has been taken that is not in effect yet. */
  readonly isBehind: boolean
  /** Whether this version was ever safe. */
  hasCommitted(epoch: number, version: number): boolean
}
