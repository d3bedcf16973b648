import type { MasterInfo, MasterStatus, Message } from '@icf/common'
import type { Link } from '@icf/common/node'
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
  /** Whether servers may follow newer versions than `stored`: it may have been lost, or be an old copy. */
  readonly mayBeBehind: boolean
  /** A cache server follows a topology of that later epoch. May be said again and again, as long as the term is not over. */
  surpassed(epoch: number): void
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
   * @returns the id of this master, where it has one that outlives its process
   * @throws IcfError INVALID_ARGUMENT, STATE_UNAVAILABLE: nothing of this process may run
   */
  open(): Promise<string | undefined>
  /** Where there may be several masters. */
  readonly peers: Peers | undefined
  /** Where cache servers vote, too. */
  readonly votes: ServerVotes | undefined
  /** Resolves when this process is the active master; again after the term was lost. */
  campaign(): Promise<Term>
  /** Gives back what `open` took, also when that failed. */
  end(): Promise<void>
}

/** The masters of a cluster, of which one is active and the others stand by. */
export interface Peers {
  /** This master can be reached: it looks for the others. @param mastersChanged called when `masters` may tell others than before */
  serve(self: MasterInfo, mastersChanged: () => void): void
  /**
   * The term that it has goes to a standby. One at a time: who asks meanwhile is told how that ends.
   * @param to id, beginning of an id, or host:port of it; undefined: whichever can
   * @returns who is active. In effect is what it has decided first as soon as enough others keep it
   * @throws IcfError UNKNOWN_SERVER, INVALID_ARGUMENT, UNREACHABLE, STANDBY: nothing was done; TIMEOUT: this master goes on; TERM_LOST: it does
   *   not, and the standby is not active, so far
   */
  handOver(to: string | undefined): Promise<MasterStatus>
  /**
   * A master that will not come back is not to become active any more. Resolves when it can not.
   * @param selector id, beginning of an id, or host:port of it
   * @throws IcfError UNKNOWN_SERVER, INVALID_ARGUMENT, STANDBY: nothing was done; TIMEOUT, TERM_LOST: it may yet be
   */
  forget(selector: string): Promise<MasterStatus>
  /** This master ends: it has no term any more. */
  stop(): void
  /** False while this master can not save what others rely on. */
  readonly isSafe: boolean
  /** Whether another one is active, whose word binds it. */
  readonly isFollowing: boolean
  /** Those that a topology has to list, by id: this one, all that can become active, and others that it has met. */
  masters(): MasterInfo[]
  /** The same without this one. */
  others(): MasterStatus[]
  /** Whether other masters may connect yet. @throws IcfError BUSY */
  admitMaster(): void
  /** What it says of itself to other masters. */
  details(): readonly unknown[]
  /** Another master has connected, to ask this one. */
  masterConnected(link: Link): void
}

/** Cache servers that vote, by the links on which they are asked. */
export interface ServerVotes {
  /** A cache server has connected, which can be asked from now on. */
  serverConnected(link: Link): void
  serverLost(link: Link): void
  /** @returns whether it is an answer of that server. @throws IcfError PROTOCOL */
  serverMessage(link: Link, message: Message): boolean
}
