/** By the first byte of what msgpack has from 0xc0 to 0xdf: how long it is, itself included, without what it announces. */
const FIXED_BYTES = [
  1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5,
]

/** The same: how many bytes after the first say how many more follow. */
const LENGTH_BYTES = [
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0,
]

/**
 * Whether a frame of msgpack has at most so many elements, those in arrays and maps, and these themselves, counted alike. It
 * takes far less time than to decode them. A frame that ends too early has those that it has.
 */
export function hasAtMost(frame: Uint8Array, most: number): boolean {
  if (frame.length <= most) return true
  for (let [at, elements] = [0, 0]; at < frame.length; elements++) {
    if (elements >= most) return false
    const first = frame[at]!
    if (first >= 0xc0 && first <= 0xdf) {
      let length = 0
      for (let i = 1; i <= LENGTH_BYTES[first - 0xc0]!; i++) length = length * 256 + (frame[at + i] ?? 0)
      at += FIXED_BYTES[first - 0xc0]! + length
    } else at += first >= 0xa0 && first < 0xc0 ? 1 + (first & 0x1f) : 1
  }
  return true
}
