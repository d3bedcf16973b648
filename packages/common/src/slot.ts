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
 * The slot of a key: CRC16 of its UTF-8 bytes, or of the bytes between the first `{` and the next `}` when there
 * is at least one (Redis Cluster specification, "Key hash tags").
 * @param slotCount of the cluster: a power of two
 */
export function keySlot(key: string, slotCount = SLOT_COUNT): number {
  let start = 0
  let end = key.length
  const open = key.indexOf('{')
  if (open !== -1) {
    const close = key.indexOf('}', open + 1)
    if (close > open + 1) {
      start = open + 1
      end = close
    }
  }
  let crc = 0
  for (let i = start; i < end; i++) {
    const unit = key.charCodeAt(i)
    if (unit > 0x7f) return slotOfBytes(Buffer.from(key.slice(start, end), 'utf8'), slotCount)
    crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[(crc >> 8) ^ unit]!
  }
  return crc & (slotCount - 1)
}

function slotOfBytes(bytes: Uint8Array, slotCount: number): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[(crc >> 8) ^ byte]!
  return crc & (slotCount - 1)
}
