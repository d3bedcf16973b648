import type { Key } from '@icf/common'
import { HASH_BITS } from './key-hash.js'

const NONE = 0
const TABLE_BITS = 6
const TABLES = 2 ** TABLE_BITS
const LEAST_PAIRS = 8

/** Tells whether that is the key of a handle. */
export interface KeyOf {
  hasKey(handle: number, key: Key): boolean
}

/**
 * Finds handles by their keys: hash tables with linear probing (Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithms L and R),
 * of pairs of a hash and a handle. There are many, so that it takes none long to grow.
 */
export class KeyIndex {
  readonly #tables: Uint32Array[] = Array.from({ length: TABLES }, () => new Uint32Array(2 * LEAST_PAIRS))
  readonly #counts = new Uint32Array(TABLES)

  constructor(private readonly keys: KeyOf) {}

  /** 0: there is none. */
  find(key: Key, hash: number): number {
    const table = this.#tables[tableOf(hash)]!
    const last = table.length - 1
    for (let at = (hash << 1) & last; ; at = (at + 2) & last) {
      const handle = table[at + 1]!
      if (handle === NONE) return NONE
      if (table[at] === hash && this.keys.hasKey(handle, key)) return handle
    }
  }

  /** A handle whose key is not there yet. */
  add(handle: number, hash: number): void {
    const number = tableOf(hash)
    let table = this.#tables[number]!
    const count = ++this.#counts[number]!
    if (8 * count > 3 * table.length) table = this.#resize(number, 2 * table.length)
    enter(table, handle, hash)
  }

  /** Another handle has its key from now on. */
  replace(handle: number, by: number, hash: number): void {
    const table = this.#tables[tableOf(hash)]!
    table[placeOf(table, handle, hash) + 1] = by
  }

  /** What stands behind it moves up, unless it stands where it belongs: so no mark has to be left. */
  remove(handle: number, hash: number): void {
    const number = tableOf(hash)
    const table = this.#tables[number]!
    const last = table.length - 1
    let hole = placeOf(table, handle, hash)
    for (let at = (hole + 2) & last; table[at + 1] !== NONE; at = (at + 2) & last) {
      const home = (table[at]! << 1) & last
      if (((at - home) & last) < ((at - hole) & last)) continue
      table[hole] = table[at]!
      table[hole + 1] = table[at + 1]!
      hole = at
    }
    table[hole + 1] = NONE
    const count = --this.#counts[number]!
    if (16 * count < table.length && table.length > 2 * LEAST_PAIRS) this.#resize(number, table.length / 2)
  }

  #resize(number: number, length: number): Uint32Array {
    const before = this.#tables[number]!
    const table = new Uint32Array(length)
    for (let at = 0; at < before.length; at += 2)
      if (before[at + 1] !== NONE) enter(table, before[at + 1]!, before[at]!)
    this.#tables[number] = table
    return table
  }
}

/** By other bits than those by which it has its place there. */
function tableOf(hash: number): number {
  return hash >>> (HASH_BITS - TABLE_BITS)
}

function enter(table: Uint32Array, handle: number, hash: number): void {
  const last = table.length - 1
  let at = (hash << 1) & last
  while (table[at + 1] !== NONE) at = (at + 2) & last
  table[at] = hash
  table[at + 1] = handle
}

/** Of a handle that is there. */
function placeOf(table: Uint32Array, handle: number, hash: number): number {
  const last = table.length - 1
  let at = (hash << 1) & last
  while (table[at + 1] !== handle) at = (at + 2) & last
  return at
}
