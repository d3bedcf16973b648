import { limits } from '@icf/common'

/**
 * The bytes of a value, which nothing else refers to: up to `MAX_TEXT_BYTES` as a text of one character for each byte, which V8
 * keeps as so many bytes, beyond as bytes.
 */
export type StoredValue = string | Uint8Array

/** Bytes in a memory of their own cost some 350 bytes and a microsecond more than a text, but leave V8's heap alone. */
const MAX_TEXT_BYTES = 4096

/** A copy of a value that stands in memory which it must not keep. */
export function storedValue(memory: Buffer, at: number, length: number): StoredValue {
  return length <= MAX_TEXT_BYTES
    ? memory.toString('latin1', at, at + length)
    : ownBytes(memory.subarray(at, at + length))
}

/**
 * A value that has just come, for an entry that is about to be stored. Up to `limits.chunkBytes` it is passed on where it
 * stands in the frame, whose memory it must not keep: who wants it for longer takes its `keptBytes`.
 * @param ahead it, when it was sent ahead of the frame, in memory of its own
 */
export function arrivedValue(
  frame: Buffer,
  at: number,
  length: number,
  ahead: Uint8Array | undefined,
): Uint8Array {
  if (ahead) return ahead
  const bytes = frame.subarray(at, at + length)
  return length > limits.chunkBytes ? ownBytes(bytes) : bytes
}

/** A value's bytes, to which nothing else refers that could change them. */
export function keptBytes(value: StoredValue): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'latin1')
  return value.length > limits.chunkBytes ? value : ownBytes(value)
}

/** A copy in memory of its own. Not Buffer.from: that cuts short ones from a common piece, which the last of them would keep. */
export function ownBytes(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}
