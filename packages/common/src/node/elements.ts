/** By the first byte of what msgpack has from 0xc0 to 0xdf: how long it is, itself included, without what it announces. */
const FIXED_BYTES = [
  1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5,
]

/** The same: how many bytes after the first say how many more follow. */
const LENGTH_BYTES = [
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0,
]

/** Of the first bytes of text that is longer than 31 bytes. */
const FIRST_TEXT = 0xd9
const LAST_TEXT = 0xdb

/** What may be in a frame. */
interface Bounds {
  /** Those in arrays and maps, and these themselves, counted alike. */
  readonly elements: number
  /** Of one text, in UTF-8. */
  readonly textBytes: number
}

/**
 * Which bound a frame of msgpack goes beyond, if any. It takes far less time than to decode it. A frame that ends too early
 * has what it has.
 */
export function exceeded(frame: Uint8Array, { elements: most, textBytes }: Bounds): keyof Bounds | undefined {
  if (frame.length <= Math.min(most, textBytes)) return undefined
  for (let [at, elements] = [0, 0]; at < frame.length; elements++) {
    if (elements >= most) return 'elements'
    const first = frame[at]!
    if (first >= 0xc0 && first <= 0xdf) {
      let length = 0
      for (let i = 1; i <= LENGTH_BYTES[first - 0xc0]!; i++) length = length * 256 + (frame[at + i] ?? 0)
      if (length > textBytes && first >= FIRST_TEXT && first <= LAST_TEXT) return 'textBytes'
      at += FIXED_BYTES[first - 0xc0]! + length
    } else at += first >= 0xa0 && first < 0xc0 ? 1 + (first & 0x1f) : 1
  }
  return undefined
}
