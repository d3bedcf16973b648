import { MessageType, type Topology, type ClusterEvent } from '@icf/common'
import { Changes, freeze, type Commit } from './changes.js'
import { slotsHeld, type Draft } from './draft.js'
import type { Membership } from './membership.js'
import type { Progress } from './progress.js'
import { isComplete, type Outlook, type Reconciler } from './reconciler.js'

/** More than the terms that a line may have had of which no server that runs has heard. */
const UNHEARD_OF_TERMS = 1000

/** Versions for which nobody waits begin at least this far apart, in ms: each costs every server, and some every client. */
export const VERSION_INTERVAL_MS = 100

/** A version that is on its way, and what it brings about. */
export interface Frozen {
  readonly topology: Topology
  readonly events: readonly ClusterEvent[]
}

/**
 * The line of versions: one in effect, at most one on its way to be safe, and the changes that pile up for the next.
 *
 *     changes ──freeze──▶ in flight ──persisted──▶ in effect, published
 */
export class Versions {
  #epoch: number
  /** Version with which this term began: what is newer and of an earlier term is not of this line. */
  #inherited: number
  readonly #membership: Membership
  readonly #reconciler: Reconciler
  readonly #progress: Progress
  #effective: Commit
  #inFlight: Commit | undefined
  #isInFlightVoid = false
  #changes: Changes
  /** Somebody waits for the next version. */
  #isUrgent = false
  #frozenAt = -Infinity
  #hasCommitted = false
  /** A version took effect, after which a leaving server may be found empty. */
  #mayRelease = false
  #movesPending = 0

  constructor(
    epoch: number,
    stored: Topology,
    membership: Membership,
    reconciler: Reconciler,
    progress: Progress,
  ) {
    this.#epoch = epoch
    this.#inherited = stored.version
    this.#membership = membership
    this.#reconciler = reconciler
    this.#progress = progress
    this.#changes = new Changes(stored, epoch)
    this.#effective = {
      topology: stored,
      cause: MessageType.DISTRIBUTION_RESPOND,
      concerned: [],
      released: [],
      fenced: [],
      answers: [],
      outlook: { movesPending: 0, isSettled: false },
    }
  }

  /** What the next version will be like. */
  get changes(): Changes {
    return this.#changes
  }

  get effective(): Commit {
    return this.#effective
  }

  /** Whether something has changed that is not in effect yet. */
  get isPending(): boolean {
    return this.#inFlight !== undefined || this.#changes.draft.isDirty
  }

  /** Whether a version of this term is in effect. */
  get hasCommitted(): boolean {
    return this.#hasCommitted
  }

  /** Of the versions to come. */
  get epoch(): number {
    return this.#epoch
  }

  /** Whether this line of versions has, or had, that one in effect; a server that is new says 0. */
  isKnown(epoch: number, version: number): boolean {
    const { topology } = this.#effective
    if (epoch === this.#epoch) return topology.epoch === epoch && version <= topology.version
    return epoch < this.#epoch && version <= this.#inherited
  }

  /** Whether no version is known from before this term. */
  get isNew(): boolean {
    return this.#inherited === 0
  }

  /**
   * Goes on with another line of versions, which is in effect already: the next one continues it. What was changed since
   * the last is forgotten, and what is in flight takes no effect any more.
   */
  adopt(topology: Topology): void {
    this.#isInFlightVoid = this.#inFlight !== undefined
    this.#effective = { ...this.#effective, topology }
    const last = this.#changes.draft.version - 1
    if (topology.epoch >= this.#epoch) this.#epoch = topology.epoch + UNHEARD_OF_TERMS
    this.#inherited = topology.version
    this.#changes = new Changes({ ...topology, version: Math.max(topology.version, last) }, this.#epoch)
    this.#changes.draft.touch()
  }

  /** The next version does not wait for others to join it: somebody can not be served before it. */
  hurry(): void {
    this.#isUrgent = true
  }

  /** Freezes what changed, unless a version is in flight already, or was just begun. @returns what is to be made safe */
  freeze(now: number): Frozen | undefined {
    const changes = this.#changes
    const { draft } = changes
    const mustReconcile = draft.isDirty || this.#reconciler.isUnplanned
    if (this.#inFlight || !(mustReconcile || this.#mayRelease)) return undefined
    if (!this.#isUrgent && now < this.#frozenAt + VERSION_INTERVAL_MS) return undefined
    this.#isUrgent = false
    this.#mayRelease = false
    const membership = this.#membership
    if (mustReconcile) this.#movesPending = this.#reconcile(draft)
    membership.releaseEmpty(changes, this.#emptyInEffect())
    const outlook = this.#outlook(membership.absentIds().size > 0)
    if (!draft.isDirty) {
      this.#effective = { ...this.#effective, outlook }
      return undefined
    }
    changes.events.push(...this.#progress.observe(outlook, draft, now))
    this.#inFlight = freeze(changes, outlook)
    this.#frozenAt = now
    const { topology } = this.#inFlight
    this.#changes = new Changes(topology, this.#epoch)
    return { topology, events: changes.events }
  }

  #reconcile(draft: Draft): number {
    const membership = this.#membership
    const cuts = membership.reachability.cuts(draft)
    return this.#reconciler.reconcile(draft, membership.outIds(), cuts, ({ id }) => membership.followedBy(id))
  }

  /** @returns the commit that is in effect now, or undefined when that version was not in flight */
  persisted(version: number): Commit | undefined {
    const commit = this.#inFlight
    if (commit?.topology.version !== version) return undefined
    if (this.#isInFlightVoid) {
      this.#isInFlightVoid = false
      this.#inFlight = undefined
      return undefined
    }
    this.#effective = commit
    this.#inFlight = undefined
    this.#hasCommitted = true
    this.#membership.committed(version)
    this.#mayRelease = true
    return commit
  }

  #outlook(isAnyoneAbsent: boolean): Outlook {
    const movesPending = this.#movesPending
    const isSettled = movesPending === 0 && !isAnyoneAbsent && isComplete(this.#changes.draft)
    return { movesPending, isSettled }
  }

  /**
   * Leaving servers without any slot in the version in effect: they know that all is handed off, and have answered
   * what they had parked.
   */
  #emptyInEffect(): ReadonlySet<string> {
    const { topology } = this.#effective
    const leaving = topology.servers.filter((server) => server?.state === 'leaving')
    if (leaving.length === 0) return new Set()
    const held = slotsHeld(topology)
    const isEmpty = (id: string): boolean =>
      held[topology.servers.findIndex((server) => server?.id === id)] === 0
    return new Set(leaving.map((server) => server!.id).filter(isEmpty))
  }
}
