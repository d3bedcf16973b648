import { count, malformed } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** Operations of a batch, each followed by its fields in one flat array. */
export const ReplicaOp = {
  /** slot, seq, key, value, kind, ttlMs (0 = none), number (0 = none): a live write. */
  PUT: 0,
  /** slot, seq, key, number (0 = none): deleted, expired or evicted. */
  REMOVE: 1,
  /** slot, seq, since: forget what you hold of the slot; its copy follows. */
  FILL_BEGIN: 2,
  /** slot, seq, key, value, kind, ttlMs: an entry that the slot held before; the newer seq wins. */
  FILL: 3,
  /** slot: the copy is complete. */
  FILL_END: 4,
  /** client id, settledBelow: numbers in the operations that follow are this client's. */
  ORIGIN: 5,
  /** slot, number: the slot has this write already; comes after FILL_BEGIN or MEND. */
  WRITTEN: 6,
  /** slot: entries may be missing that the slot's backup has; comes after FILL_BEGIN. */
  PARTED: 7,
  /** slot, seq: your complete copy lacks a write; all that it must have follows, up to FILL_END. Keep what you have until then. */
  MEND: 8,
  /** slot, question, keys[]: say what you have under these keys now. */
  COMPARE: 9,
  /** slot, question, first (1: from the first on, 0: those that come next): say which keys you have. */
  LIST: 10,
} as const

/** How many fields follow the number of each operation. */
export const replicaOpFields: readonly number[] = [7, 4, 3, 6, 1, 2, 2, 1, 2, 3, 3]

/** Where the fields of PUT and FILL stand that are known only when the batch is sent, counted from the operation. */
export const ENTRY_VALUE_AT = 4
export const ENTRY_TTL_AT = 6

/** Where the first operation of a batch stands. */
export const OPERATIONS_AT = 4

/** A batch without operations yet. */
export function openBatch(number: number): unknown[] {
  return [MessageType.KEY_VALUE_RESPONCE_BACK, 0, 0, number]
}

/** The batch goes by this topology. */
export function closeBatch(batch: unknown[], epoch: number, version: number): void {
  batch[1] = epoch
  batch[2] = version
}

export interface BatchHeader {
  /** Of the topology that it goes by. */
  readonly epoch: number
  readonly version: number
  readonly number: number
}

/** @throws IcfError PROTOCOL */
export function readBatchHeader([, epoch, version, number]: Message): BatchHeader {
  return {
    epoch: count(epoch, 'epoch of a batch'),
    version: count(version, 'version of a batch'),
    number: count(number, 'number of a batch'),
  }
}

/** A backup has processed all batches up to this one. */
export interface BackAck extends BatchHeader {
  /** Slots of that batch of which it took nothing. */
  readonly refused: readonly number[]
}

const NONE_REFUSED: readonly number[] = Object.freeze([])

export function backAckMessage(
  number: number,
  epoch: number,
  version: number,
  refused: ReadonlySet<number>,
): Message {
  return [MessageType.BACK_ACK, number, epoch, version, refused.size > 0 ? [...refused] : NONE_REFUSED]
}

/** @throws IcfError PROTOCOL */
export function readBackAck([, number, epoch, version, refused]: Message, slotCount: number): BackAck {
  if (!Array.isArray(refused)) throw malformed('refused slots of BACK_ACK', 'an array', refused)
  for (const slot of refused) count(slot, 'refused slot of BACK_ACK', slotCount - 1)
  return {
    number: count(number, 'batch of BACK_ACK'),
    epoch: count(epoch, 'epoch of BACK_ACK'),
    version: count(version, 'version of BACK_ACK'),
    refused,
  }
}
