import type { Key } from '@icf/common'
import { MAX_TEXT_BYTES, type StoredValue } from './stored-value.js'

/** What one entry is charged beside its key and value. It takes less since entries are records: docs/memory.md. */
export const ENTRY_OVERHEAD_BYTES = 420

/** What a value costs beside its bytes that has memory of its own. Measured: 350. */
const BUFFER_OVERHEAD_BYTES = 350

/** One version of one key. */
export class Entry {
  readonly costBytes: number

  constructor(
    readonly key: Key,
    readonly slot: number,
    /** Position in the slot's history of writes. */
    readonly seq: number,
    readonly value: StoredValue,
    readonly kind: number,
    /** By this process's clock, in ms; 0: never. */
    readonly expiresAt: number,
  ) {
    this.costBytes = costOf(key, value)
  }
}

/** What an entry is charged. */
export function costOf(key: Key, value: StoredValue): number {
  return costOfBytes(key.length, value.length)
}

export function costOfBytes(keyBytes: number, valueBytes: number): number {
  const overhead = valueBytes > MAX_TEXT_BYTES ? BUFFER_OVERHEAD_BYTES : 0
  return ENTRY_OVERHEAD_BYTES + keyBytes + valueBytes + overhead
}
