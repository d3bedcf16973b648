import type { StoredState } from './state-file.js'

/** The right to be the active master for one epoch. */
export interface Term {
  /** Greater than that of any earlier term. */
  readonly epoch: number
  /** The newest state that was ever in effect; undefined for a new cluster. */
  readonly stored: StoredState | undefined
  /**
   * Until then, by the runtime's clock, nobody else can be active: leases are given only before. It may grow, also after
   * it has passed.
   */
  readonly validUntil: number
  /** Resolves when another master has the right, or may have. */
  readonly lost: Promise<void>
  /**
   * Resolves when the state is safe: from then on it is in effect. One at a time.
   * @throws IcfError TERM_LOST; anything else: it could not be made safe now
   */
  commit(state: StoredState): Promise<void>
}

/** What makes one master the active one, and its decisions safe from the loss of it. */
export interface Coordination {
  /**
   * Before anything is served.
   * @throws IcfError INVALID_ARGUMENT, STATE_UNAVAILABLE: nothing of this process may run
   */
  open(): Promise<void>
  /** Resolves when this process is the active master; again after the term was lost. */
  campaign(): Promise<Term>
  /** Gives back what `open` took, also when that failed. */
  end(): Promise<void>
}
