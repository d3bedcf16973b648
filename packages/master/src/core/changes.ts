import { MessageType, type IcfError, type Topology, type UpdateType, type ClusterEvent } from '@icf/common'
import { Draft } from './draft.js'
import type { LinkId } from './events.js'
import type { Outlook } from './reconciler.js'

/** An answer to an operator that is only true once its topology is in effect. */
export interface Answer {
  readonly request: number
  readonly result: readonly string[] | IcfError
}

/** The next version under construction, and everything that becomes true with it. */
export class Changes {
  readonly draft: Draft
  readonly joined: string[] = []
  readonly leaving: string[] = []
  readonly died = new Set<string>()
  /** Links of servers that hold nothing any more. */
  readonly released: LinkId[] = []
  /** Links of servers that are declared dead: they drop what they hold, so not before that is in effect. */
  readonly fenced: LinkId[] = []
  readonly answers: Answer[] = []
  readonly events: ClusterEvent[] = []
  /** They are the first of a term that goes on from an earlier one. */
  readonly isTakeover: boolean

  constructor(base: Topology, epoch: number) {
    this.draft = new Draft(base, epoch)
    this.isTakeover = base.version > 0 && base.epoch !== epoch
  }
}

/** A version whose state is being made safe, or is. */
export interface Commit {
  readonly topology: Topology
  readonly cause: UpdateType
  /** Ids of the servers that the cause is about. */
  readonly concerned: readonly string[]
  readonly released: readonly LinkId[]
  readonly fenced: readonly LinkId[]
  readonly answers: readonly Answer[]
  readonly outlook: Outlook
}

/** Several causes may share a version; a new master, or else the gravest, names it. Receivers handle all alike. */
export function freeze(changes: Changes, outlook: Outlook): Commit {
  const { draft, isTakeover, died, leaving, joined, released, fenced, answers } = changes
  const rest = { topology: draft.freeze(), released, fenced, answers, outlook }
  if (isTakeover) return { ...rest, cause: MessageType.REFLESH_MASTER, concerned: [] }
  if (died.size > 0) return { ...rest, cause: MessageType.REFLESH_IP, concerned: [...died] }
  if (leaving.length > 0) return { ...rest, cause: MessageType.SHUTDOWN_CACHE, concerned: leaving }
  if (joined.length > 0) return { ...rest, cause: MessageType.ADD_CACHE_SERVER, concerned: joined }
  return { ...rest, cause: MessageType.DISTRIBUTION_RESPOND, concerned: [] }
}
