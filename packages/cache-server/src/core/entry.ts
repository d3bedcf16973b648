import type { Key } from '@icf/common'
import { entryCost } from './entry-cost.js'
import type { StoredValue } from './stored-value.js'

/** One version of one key. */
export class Entry {
  readonly costBytes: number

  constructor(
    readonly key: Key,
    readonly slot: number,
    /** Position in the slot's history of writes. */
    readonly seq: number,
    /** Of one that is about to be stored it may still stand in a frame (`arrivedValue`). */
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
  return entryCost(key.length, value.length)
}
