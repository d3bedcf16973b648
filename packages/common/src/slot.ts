import { isAscii, type Key } from './key.js'

/**
 * Number of slots, fixed by the Redis Cluster specification. A test may make a cluster of fewer, so that few keys share
 * a slot: whoever has a topology goes by the length of its columns.
 */
export const SLOT_COUNT = 16384

const CRC16_TABLE = buildTable()

/** CRC16/XMODEM (polynomial 0x1021), one entry for each byte. */
function buildTable(): Uint16Array {
  const table = new Uint16Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
    table[byte] = crc
  }
  return table
}

/**
 * The slot of a key: CRC16 of its bytes, or of those between the first `{` and the next `}` when there
 * is at least one (Redis Cluster specification, "Key hash tags").
 * @param slotCount of the cluster: a power of two
 */
export function keySlot(key: Key, slotCount = SLOT_COUNT): number {
  return hashOf(key) & (slotCount - 1)
}

/** The same of text, which is its own key; -1 where it is not: it is no ASCII. One look at it tells both. */
export function asciiSlot(text: string, slotCount = SLOT_COUNT): number {
  const hash = hashOf(text)
  if (hash >= OTHER_THAN_ASCII || (hash >= TAGGED && !isAscii(text))) return -1
  return hash & (slotCount - 1)
}

// Beside the 16 bits of a hash.
const TAGGED = 0x1_0000
const OTHER_THAN_ASCII = 0x2_0000

function hashOf(key: string): number {
  let start = 0
  let end = key.length
  let flags = 0
  const open = key.indexOf('{')
  if (open !== -1) {
    const close = key.indexOf('}', open + 1)
    if (close > open + 1) {
      start = open + 1
      end = close
      flags = TAGGED
    }
  }
  let crc = 0
  let bits = 0
  for (let i = start; i < end; i++) {
    const unit = key.charCodeAt(i)
    bits |= unit
    crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[((crc >> 8) ^ unit) & 0xff]!
  }
  return bits > 0x7f ? crc | flags | OTHER_THAN_ASCII : crc | flags
}
