import { IcfError } from '../errors.js'
import type { Key } from '../key.js'
import { limits } from '../limits.js'
import { malformed } from './checks.js'
import { beginDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import type { FrameWriter } from './data/frame-writer.js'
import { MessageType } from './messages.js'

/** Operations of a batch, each followed by its fields. */
export const ReplicaOp = {
  /** slot, seq, key, value, kind, time to live, number (0 = none): a live write. */
  PUT: 0,
  /** slot, seq, key, number (0 = none): deleted, expired or evicted. */
  REMOVE: 1,
  /** slot, seq, since: forget what you hold of the slot; its copy follows. */
  FILL_BEGIN: 2,
  /** slot, seq, key, value, kind, time to live: an entry that the slot held before; the newer seq wins. */
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

const LAST_OPERATION = Math.max(...Object.values(ReplicaOp))

export interface BatchHeader {
  /** Of the topology that it goes by. */
  readonly epoch: number
  readonly version: number
  readonly number: number
}

/** A batch without operations yet. @param namesValue one of them has a value that is sent ahead */
export function beginBatch(
  writer: FrameWriter,
  { epoch, version, number }: BatchHeader,
  namesValue: boolean,
): void {
  beginDataFrame(writer, MessageType.KEY_VALUE_RESPONCE_BACK, namesValue)
  writer.count(epoch)
  writer.count(version)
  writer.count(number)
}

/** @throws IcfError PROTOCOL */
export function readBatchHeader(frame: FrameReader): BatchHeader {
  return { epoch: frame.count(), version: frame.count(), number: frame.count() }
}

/** In one byte with the kind of an entry's value. */
const EXPIRES = 4
const VALUE_AHEAD = 8
const KIND = 3
const ENTRY_FLAGS = KIND | EXPIRES | VALUE_AHEAD

/** What an operation says of an entry. */
export interface EntryFields {
  readonly slot: number
  readonly seq: number
  readonly key: Key
  /** Its bytes, or a text of one character for each of them. */
  readonly value: string | Uint8Array
  readonly kind: number
}

/**
 * Writes PUT, but for the number that ends it, or FILL.
 * @param ttlMs how long it has to live; 0: for ever
 * @param isAhead its value is the one that the batch names
 * @returns where `setTimeToLive` puts another time to live, which is less when the batch is sent later; 0: it has none
 */
export function writeEntry(
  writer: FrameWriter,
  op: typeof ReplicaOp.PUT | typeof ReplicaOp.FILL,
  { slot, seq, key, value, kind }: EntryFields,
  ttlMs: number,
  isAhead: boolean,
): number {
  writer.byte(op)
  writer.count(slot)
  writer.count(seq)
  writer.binary(key)
  writer.byte(kind | (ttlMs > 0 ? EXPIRES : 0) | (isAhead ? VALUE_AHEAD : 0))
  const ttlAt = ttlMs > 0 ? writer.fixed48(ttlMs) : 0
  if (isAhead) return ttlAt
  if (typeof value === 'string') writer.binary(value)
  else writer.bytes(value)
  return ttlAt
}

export function setTimeToLive(batch: Buffer, at: number, ttlMs: number): void {
  batch.writeUIntLE(ttlMs, at, 6)
}

/** @param number 0: none */
export function writeRemoval(writer: FrameWriter, slot: number, seq: number, key: Key, number: number): void {
  writer.byte(ReplicaOp.REMOVE)
  writer.count(slot)
  writer.count(seq)
  writer.binary(key)
  writer.count(number)
}

export function writeOrigin(writer: FrameWriter, clientId: string, settledBelow: number): void {
  writer.byte(ReplicaOp.ORIGIN)
  writer.text(clientId)
  writer.count(settledBelow)
}

/** Any other operation: its fields are numbers. */
export function writeOperation(writer: FrameWriter, op: number, ...fields: number[]): void {
  writer.byte(op)
  for (const field of fields) writer.count(field)
}

export function writeComparison(
  writer: FrameWriter,
  slot: number,
  question: number,
  keys: readonly Key[],
): void {
  writeOperation(writer, ReplicaOp.COMPARE, slot, question, keys.length)
  for (const key of keys) writer.binary(key)
}

/** One operation of a batch, whose key and value stand there. There is one object for all of them: it is the hot path. */
export class Operation {
  op = 0
  slot = 0
  /** Also the question of COMPARE and LIST, and the number of WRITTEN. */
  seq = 0
  /** The number of a write; also `since` of FILL_BEGIN, `first` of LIST and how many keys COMPARE has. */
  number = 0
  /** The key, or the first of them, in the frame. */
  keyAt = 0
  keyBytes = 0
  kind = 0
  /** 0: for ever. */
  ttlMs = 0
  /** The value, in the frame, unless it was sent ahead of that. */
  valueAt = 0
  valueBytes = 0
  ahead: Uint8Array | undefined = undefined
  /** Of ORIGIN. */
  clientId = ''
  settledBelow = 0
}

/**
 * Reads the operation that comes next.
 * @throws IcfError PROTOCOL
 */
export function readOperation(frame: FrameReader, operation: Operation): void {
  const op = frame.byte()
  operation.ahead = undefined
  if (op > LAST_OPERATION)
    throw malformed('number of an operation in a batch', `a number from 0 to ${LAST_OPERATION}`, op)
  operation.op = op
  if (op === ReplicaOp.ORIGIN) {
    operation.clientId = frame.text(frame.countTo(MAX_ID_BYTES, 'length of the client of ORIGIN'))
    operation.settledBelow = frame.count()
    return
  }
  operation.slot = frame.count()
  switch (op) {
    case ReplicaOp.PUT:
      readEntry(frame, operation)
      operation.number = frame.count()
      break
    case ReplicaOp.FILL:
      readEntry(frame, operation)
      break
    case ReplicaOp.REMOVE:
      operation.seq = frame.count()
      readKey(frame, operation)
      operation.number = frame.count()
      break
    case ReplicaOp.COMPARE:
      operation.seq = frame.count()
      operation.number = frame.countTo(limits.maxComparedKeys, 'number of keys of COMPARE')
      operation.keyAt = frame.at
      for (let i = 0; i < operation.number; i++) frame.skip(frame.count())
      break
    case ReplicaOp.FILL_BEGIN:
    case ReplicaOp.LIST:
      operation.seq = frame.count()
      operation.number = frame.count()
      break
    case ReplicaOp.WRITTEN:
    case ReplicaOp.MEND:
      operation.seq = frame.count()
      break
  }
}

/** A client's id has at most `limits.maxNameLength` characters. */
const MAX_ID_BYTES = 3 * limits.maxNameLength

function readKey(frame: FrameReader, operation: Operation): void {
  operation.keyBytes = frame.countTo(limits.maxKeyBytes, 'length of a key in a batch')
  operation.keyAt = frame.skip(operation.keyBytes)
}

function readEntry(frame: FrameReader, operation: Operation): void {
  operation.seq = frame.count()
  readKey(frame, operation)
  const flags = frame.byte()
  if (flags > ENTRY_FLAGS || (flags & KIND) === KIND)
    throw malformed('flags of an entry in a batch', 'a kind from 0 to 2, plus 4 or 8', flags)
  operation.kind = flags & KIND
  operation.ttlMs = (flags & EXPIRES) === 0 ? 0 : frame.fixed48()
  const isAhead = (flags & VALUE_AHEAD) !== 0
  if (isAhead) operation.ahead = frame.takeAhead('value in a batch')
  operation.valueBytes = operation.ahead?.length ?? frame.count()
  operation.valueAt = isAhead ? 0 : frame.skip(operation.valueBytes)
}

/**
 * The keys of COMPARE.
 * @throws IcfError PROTOCOL
 */
export function readComparedKeys(frame: FrameReader, { keyAt, number }: Operation): Key[] {
  const end = frame.at
  frame.at = keyAt
  const keys = Array.from({ length: number }, () => {
    const length = frame.countTo(limits.maxKeyBytes, 'length of a key in a batch')
    return frame.binaryAt(frame.skip(length), length)
  })
  frame.at = end
  return keys
}

/** A backup has processed all batches up to this one. */
export interface BackAck extends BatchHeader {
  /** Slots of that batch of which it took nothing. */
  readonly refused: readonly number[]
}

const NONE_REFUSED: readonly number[] = Object.freeze([])

export function writeBackAck(
  writer: FrameWriter,
  number: number,
  epoch: number,
  version: number,
  refused: ReadonlySet<number>,
): void {
  beginDataFrame(writer, MessageType.BACK_ACK, false)
  writer.count(number)
  writer.count(epoch)
  writer.count(version)
  for (const slot of refused) writer.count(slot)
}

/** @throws IcfError PROTOCOL */
export function readBackAck(frame: FrameReader, slotCount: number): BackAck {
  const number = frame.count()
  const epoch = frame.count()
  const version = frame.count()
  if (frame.isAtEnd) return { number, epoch, version, refused: NONE_REFUSED }
  const refused: number[] = []
  while (!frame.isAtEnd) {
    if (refused.length === slotCount)
      throw new IcfError('PROTOCOL', `BACK_ACK with more than ${slotCount} refused slots`)
    refused.push(frame.countTo(slotCount - 1, 'refused slot of BACK_ACK'))
  }
  return { number, epoch, version, refused }
}
