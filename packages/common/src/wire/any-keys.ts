import { isUtf8 } from 'node:buffer'
import type { Key } from '../key.js'
import { keySlot } from '../slot.js'
import { readDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import { FrameWriter } from './data/frame-writer.js'
import type { Introduction } from './introduction.js'
import { Operation, readBatchHeader, readOperation, ReplicaOp, writeRemoval } from './replication.js'

/*
 * Earlier releases take no keys but UTF-8, and close the link on which another one comes. Between servers, these are said only to
 * who says that it takes them.
 */

/** In what a cache server says of itself to another one: it takes keys of any bytes. */
export const ANY_KEY = 1

/** Whether the backup at the other end takes keys of any bytes. */
export function backupTakesAnyKey({ details }: Introduction): boolean {
  return details[1] === ANY_KEY
}

/** The same of the primary at the other end. */
export function primaryTakesAnyKey({ details }: Introduction): boolean {
  return details[2] === ANY_KEY
}

const NOTHING = new Uint8Array(0)

/**
 * A batch as a backup of an earlier release takes it. Of keys that are no UTF-8 it gets nothing: where the slot counts a write, one
 * that does nothing stands in its place.
 */
export function withTextKeysAlone(batch: Buffer, slotCount: number): Buffer {
  const frame = readDataFrame(batch, () => NOTHING)
  readBatchHeader(frame)
  const operation = new Operation()
  const pieces: Buffer[] = []
  let kept = 0
  while (!frame.isAtEnd) {
    const start = frame.at
    readOperation(frame, operation)
    if (!hasOtherKey(frame, operation)) continue
    pieces.push(batch.subarray(kept, start), inPlaceOf(operation, slotCount))
    kept = frame.at
  }
  return kept === 0 ? batch : Buffer.concat([...pieces, batch.subarray(kept)])
}

/** Of those that name keys. A COMPARE with such a key is not sent to who does not take it. */
function hasOtherKey({ bytes }: FrameReader, { op, keyAt, keyBytes }: Operation): boolean {
  const isOfOneKey = op === ReplicaOp.PUT || op === ReplicaOp.FILL || op === ReplicaOp.REMOVE
  return isOfOneKey && !isUtf8(bytes.subarray(keyAt, keyAt + keyBytes))
}

function inPlaceOf({ op, slot, seq, number }: Operation, slotCount: number): Buffer {
  const writer = new FrameWriter()
  if (op !== ReplicaOp.FILL) writeRemoval(writer, slot, seq, unusedKey(slot, slotCount), number)
  return writer.finish()
}

/** Random: that anyone has such a key is as good as impossible. */
const UNUSED = 'icf 5f0c83d1e6b94a7797d2cb40e13a68f2 '

const unusedKeys = new Map<string, Key>()

/** A key of the slot that nobody has. */
function unusedKey(slot: number, slotCount: number): Key {
  const name = `${slot}/${slotCount}`
  let key = unusedKeys.get(name)
  for (let i = 0; key === undefined; i++)
    if (keySlot(`${UNUSED}${i}`, slotCount) === slot) key = `${UNUSED}${i}`
  unusedKeys.set(name, key)
  return key
}
