import { emptyTopology, NONE, SLOT_COUNT, type Topology } from '@icf/common'
import type { ReplicaChannel } from './replica-channel.js'

/** Whether this server answers for a slot. */
export const Serving = { NO: 0, YES: 1, PARKED: 2 } as const

/** What this server holds of a slot. */
export const Held = { NOTHING: 0, PRIMARY: 1, BACKUP: 2, INCOMING: 3 } as const

/** What the latest topology means for this server, slot by slot: read by every command, written by `applyTopology` alone. */
export class SlotTable {
  topology: Topology = emptyTopology({ virtualNodes: 0, seed: 0 })
  /** This server's own seat; NONE while it is no member. */
  seat = NONE
  readonly serving = new Uint8Array(SLOT_COUNT)
  readonly held = new Uint8Array(SLOT_COUNT)
  /**
   * 1 where entries may be missing here that another complete copy has: this copy, or the one it was made from,
   * evicted them by itself, without the primary, before it became the primary.
   */
  readonly parted = new Uint8Array(SLOT_COUNT)
  /** Version of the topology that made this server the primary of the slot, where it is. */
  readonly primarySince = new Float64Array(SLOT_COUNT)
  /**
   * Where this server has a copy: batches that go by a topology older than this version are about an earlier copy, or of
   * an earlier time of the same primary.
   */
  readonly copySince = new Float64Array(SLOT_COUNT)
  /** 1 where this server's copy lacks a write that came before others: it takes nothing until it is begun anew. */
  readonly torn = new Uint8Array(SLOT_COUNT)
  /** Writes that the slot has seen; goes on across changes of owner. */
  readonly seq = new Float64Array(SLOT_COUNT)
  /** Writes of the slot that some copy has not acknowledged. */
  readonly unacknowledged = new Uint32Array(SLOT_COUNT)
  /** To the complete copy, where this server is the primary. */
  readonly backup: (ReplicaChannel | undefined)[] = new Array<undefined>(SLOT_COUNT).fill(undefined)
  /** To the copy being made, where this server is the primary. */
  readonly copy: (ReplicaChannel | undefined)[] = new Array<undefined>(SLOT_COUNT).fill(undefined)
}
