import type { Key } from '@icf/common'
import type { PendingWrite } from './pending-write.js'
import type { StoredValue } from './stored-value.js'

/**
 * What one entry costs beside its key and value: the Entry, its places in the store's columns and
 * tables, and garbage not yet collected. It was chosen when used heap per entry of 100 bytes was 510 to 590, some 40 more than now.
 */
export const ENTRY_OVERHEAD_BYTES = 420

/** What values that are no text cost beside their bytes: the Buffer and its memory, which is its own. Measured: 350. */
const BUFFER_OVERHEAD_BYTES = 350

/** One version of one key. Never changed once stored: a write puts a new one in its place. */
export class Entry {
  /** The write that brought it, until every copy has it. Whoever reads the entry waits for that. */
  pending: PendingWrite | undefined = undefined
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
  return ENTRY_OVERHEAD_BYTES + key.length + valueBytes(value)
}

function valueBytes(value: StoredValue): number {
  return typeof value === 'string' ? value.length : BUFFER_OVERHEAD_BYTES + value.length
}
