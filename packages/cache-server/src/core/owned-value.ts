import { limits, malformed } from '@icf/common'
import type { StoredValue } from './entry.js'

/** One UTF-16 unit is at most three bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3

/**
 * A value that refers to nothing else's memory. Text that is too long for the frame of another operation becomes its
 * bytes, and so goes ahead in chunks. Binary values in a frame alias it; a long one was assembled for
 * this purpose and is taken as it is.
 * @throws IcfError PROTOCOL
 */
export function ownedValue(value: unknown): StoredValue {
  if (typeof value === 'string') return isLongText(value) ? Buffer.from(value) : value
  if (!(value instanceof Uint8Array)) throw malformed('value', 'text or bytes', value)
  if (value.length > limits.chunkBytes) return value
  // Not Buffer.from: that cuts short values from a common piece of memory, which the last of them would keep.
  const own = Buffer.allocUnsafeSlow(value.length)
  own.set(value)
  return own
}

function isLongText(text: string): boolean {
  return text.length > limits.chunkBytes / MAX_BYTES_PER_UNIT && Buffer.byteLength(text) > limits.chunkBytes
}
