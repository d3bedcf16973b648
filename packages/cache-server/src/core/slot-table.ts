import { emptyTopology, NONE, SLOT_COUNT, type Topology } from '@icf/common'
import type { ReplicaChannel } from './replica-channel.js'

/** Whether this server answers for a slot. */
export const Serving = { NO: 0, YES: 1, PARKED: 2 } as const

/** What this server holds of a slot. */
export const Held = { NOTHING: 0, PRIMARY: 1, BACKUP: 2, INCOMING: 3 } as const

/**
 * What the latest topology means for this server, slot by slot, and how far its copies are: read by every command.
 * `applyTopology` changes it with each topology; in between, only the methods do.
 */
export class SlotTable {
  topology: Topology
  /** The newest version that concerned clients, which is the one that they have, or will have soon. */
  news: Pick<Topology, 'epoch' | 'version'>
  readonly count: number
  /** This server's own seat; NONE while it is no member. */
  seat = NONE
  readonly serving: Uint8Array
  readonly held: Uint8Array
  /**
   * 1 where entries may be missing here that another complete copy has: this copy, or the one it was made from,
   * evicted them by itself, without the primary, before it became the primary.
   */
  readonly parted: Uint8Array
  /** Version of the topology that made this server the primary of the slot, where it is. */
  readonly primarySince: Float64Array
  /**
   * Where this server has a copy: batches that go by a topology older than this version are about an earlier copy, or of
   * an earlier time of the same primary.
   */
  readonly copySince: Float64Array
  /** 1 where this server's copy lacks a write that came before others: it takes nothing until it is begun anew. */
  readonly torn: Uint8Array
  /** Writes that the slot has seen; goes on across changes of owner. */
  readonly seq: Float64Array
  /** To the complete copy, where this server is the primary. */
  readonly backup: (ReplicaChannel | undefined)[]
  /** Number of the first batch to the complete copy that can be about it: what was sent before was about an earlier one. */
  readonly backupFrom: Float64Array
  /** To the copy being made, where this server is the primary. */
  readonly copy: (ReplicaChannel | undefined)[]

  constructor(count = SLOT_COUNT) {
    this.topology = emptyTopology({ virtualNodes: 0, seed: 0 }, count)
    this.news = this.topology
    this.count = count
    this.serving = new Uint8Array(count)
    this.held = new Uint8Array(count)
    this.parted = new Uint8Array(count)
    this.primarySince = new Float64Array(count)
    this.copySince = new Float64Array(count)
    this.torn = new Uint8Array(count)
    this.seq = new Float64Array(count)
    this.backupFrom = new Float64Array(count)
    this.backup = new Array<undefined>(count).fill(undefined)
    this.copy = new Array<undefined>(count).fill(undefined)
  }

  /** Stops serving the slot, which is about to have another primary: its commands wait. */
  park(slot: number): void {
    this.serving[slot] = Serving.PARKED
  }

  /** Serves the parked slot again. */
  unpark(slot: number): void {
    this.serving[slot] = Serving.YES
  }

  /**
   * Whether all copies of the slot can have keys of any bytes, and not UTF-8 alone; undefined: a server has yet to say so, and none
   * says that it can not.
   */
  takesAnyKey(slot: number): boolean | undefined {
    const backup = this.backup[slot]
    const copy = this.copy[slot]
    const ofBackup = backup === undefined || backup.takesAnyKey
    if (copy === undefined || ofBackup === false) return ofBackup
    return copy.takesAnyKey && ofBackup
  }

  /** A write of the slot, where this server is the primary. @returns its sequence number */
  nextSeq(slot: number): number {
    return ++this.seq[slot]!
  }

  /** A copy begins here, of a slot that has seen `seq` writes. */
  beginCopy(slot: number, seq: number): void {
    this.seq[slot] = seq
    this.parted[slot] = 0
    this.torn[slot] = 0
  }

  /** The primary's next write came. False for any other, since writes come without gaps: this copy is torn then. */
  advance(slot: number, seq: number): boolean {
    if (seq === this.seq[slot]! + 1) this.seq[slot] = seq
    else this.torn[slot] = 1
    return this.torn[slot] === 0
  }

  /** This copy lacks something that another complete copy may have. */
  part(slot: number): void {
    this.parted[slot] = 1
  }
}
