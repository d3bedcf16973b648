import type { PendingWrite } from './pending-write.js'

/**
 * What one entry costs beside its key and value: the Entry, its places in the LRU, in V8's map and in its slot's
 * index. Measured as used heap per entry of 100 bytes: 510 to 590.
 */
export const ENTRY_OVERHEAD_BYTES = 420

/** What binary values cost beside their bytes: the Buffer and its memory, which is its own. Measured: 350. */
const BUFFER_OVERHEAD_BYTES = 350

/** Text of at most `limits.chunkBytes` stays a string, everything else is bytes that the entry alone refers to. */
export type StoredValue = string | Uint8Array

/** One version of one key. Never changed once stored: a write puts a new one in its place. */
export class Entry {
  /** The write that brought it, until every copy has it. Whoever reads the entry waits for that. */
  pending: PendingWrite | undefined = undefined
  readonly costBytes: number

  constructor(
    readonly key: string,
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

/** What an entry is charged. Keys as if V8 needed two bytes a character, which it does for some text. */
export function costOf(key: string, value: StoredValue): number {
  return ENTRY_OVERHEAD_BYTES + 2 * key.length + valueBytes(value)
}

/** More than what an entry is charged, without a look at its text. */
export function mostOf(key: string, value: StoredValue): number {
  return ENTRY_OVERHEAD_BYTES + BUFFER_OVERHEAD_BYTES + 2 * (key.length + value.length)
}

/** What V8 does not keep as one byte a character. */
const WIDE_TEXT = /[^\0-\xff]/

function valueBytes(value: StoredValue): number {
  if (typeof value !== 'string') return BUFFER_OVERHEAD_BYTES + value.length
  return WIDE_TEXT.test(value) ? 2 * value.length : value.length
}
