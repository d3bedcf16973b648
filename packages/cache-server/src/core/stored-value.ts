/**
 * The bytes of a value, which nothing else refers to: up to `MAX_TEXT_BYTES` as a text of one character for each byte, which V8
 * keeps as so many bytes, beyond as bytes.
 */
export type StoredValue = string | Uint8Array

/** Bytes in a memory of their own cost some 350 bytes and a microsecond more than a text, but leave V8's heap alone. */
export const MAX_TEXT_BYTES = 4096

/** A value that stands in a frame, whose memory it must not keep. */
export function storedValue(frame: Buffer, at: number, length: number): StoredValue {
  return length <= MAX_TEXT_BYTES
    ? frame.toString('latin1', at, at + length)
    : ownBytes(frame.subarray(at, at + length))
}

/** A value that came in memory of its own. */
export function ownedValue(bytes: Uint8Array): StoredValue {
  return bytes.length <= MAX_TEXT_BYTES ? Buffer.from(bytes).toString('latin1') : bytes
}

/** A copy in memory of its own. Not Buffer.from: that cuts short ones from a common piece, which the last of them would keep. */
export function ownBytes(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}
