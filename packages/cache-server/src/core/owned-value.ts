import { IcfError, limits } from '@icf/common'
import type { StoredValue } from './entry.js'

/**
 * A value that refers to nothing else's memory. Binary values in a frame alias it; a long one was assembled for
 * this purpose and is taken as it is.
 * @throws IcfError PROTOCOL
 */
export function ownedValue(value: unknown): StoredValue {
  if (typeof value === 'string') return value
  if (!(value instanceof Uint8Array)) throw new IcfError('PROTOCOL', 'a value must be text or bytes')
  if (value.length > limits.chunkBytes) return value
  // Not Buffer.from: that cuts short values from a common piece of memory, which the last of them would keep.
  const own = Buffer.allocUnsafeSlow(value.length)
  own.set(value)
  return own
}
