import type { Entry } from './entry.js'
import { grown } from './recency.js'

const NONE = 0
const LEAST_PLACES = 4

/** The handles of one slot, until it needs another amount of room. */
class Places {
  /** By hash. At most half of it is in use. */
  readonly table: Uint32Array
  /** In the order in which they came, with holes where some have gone. */
  readonly order: Uint32Array
  /** Of the order. */
  used = 0
  count = 0
  /** Where the handles are now, and the holes that were left out there. */
  movedTo: Places | undefined
  holes: readonly number[] = []

  constructor(readonly size: number) {
    this.table = new Uint32Array(2 * size)
    this.order = new Uint32Array(size)
  }
}

/**
 * The handles of each slot, by key and in the order in which they came. Each slot has a hash table of its own, with linear probing
 * (Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithms L and R): none is large, and none takes long to grow.
 */
export class SlotIndex {
  readonly #slots: (Places | undefined)[]
  /** By handle, as is the next one. */
  #hashes: Uint32Array
  /** Where it is in the order. */
  #numbers: Uint32Array

  /** @param entries by handle */
  constructor(
    slotCount: number,
    capacity: number,
    private readonly entries: readonly (Entry | undefined)[],
  ) {
    this.#slots = new Array<undefined>(slotCount).fill(undefined)
    this.#hashes = new Uint32Array(capacity)
    this.#numbers = new Uint32Array(capacity)
  }

  grow(capacity: number): void {
    this.#hashes = grown(this.#hashes, capacity)
    this.#numbers = grown(this.#numbers, capacity)
  }

  countOf(slot: number): number {
    return this.#slots[slot]?.count ?? 0
  }

  /** 0: there is none. */
  find(slot: number, key: string, hash: number): number {
    const places = this.#slots[slot]
    if (places === undefined) return NONE
    const { table } = places
    const mask = table.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const handle = table[at]!
      if (handle === NONE) return NONE
      if (this.#hashes[handle] === hash && this.entries[handle]!.key === key) return handle
    }
  }

  /** A handle whose key is not there yet. */
  add(slot: number, handle: number, hash: number): void {
    this.#hashes[handle] = hash
    let places = this.#slots[slot]
    if (!places) places = this.#slots[slot] = new Places(LEAST_PLACES)
    else if (places.used === places.size) places = this.#move(slot, places)
    this.#append(places, handle)
  }

  remove(slot: number, handle: number): void {
    const places = this.#slots[slot]!
    this.#leave(places.table, handle)
    places.order[this.#numbers[handle]!] = NONE
    places.count--
    if (places.count === 0) this.#slots[slot] = undefined
    else if (places.size > LEAST_PLACES && 8 * places.count <= places.size) this.#move(slot, places)
  }

  /** In the order in which they came, also while others come and go. */
  *handlesOf(slot: number): IterableIterator<number> {
    let places = this.#slots[slot]
    for (let number = 0; places; number++) {
      for (; places.movedTo; places = places.movedTo) number -= countBelow(number, places.holes)
      if (number >= places.used) return
      const handle = places.order[number]!
      if (handle !== NONE) yield handle
    }
  }

  #append(places: Places, handle: number): void {
    const { table, order } = places
    this.#numbers[handle] = places.used
    order[places.used++] = handle
    places.count++
    const mask = table.length - 1
    let at = this.#hashes[handle]! & mask
    while (table[at] !== NONE) at = (at + 1) & mask
    table[at] = handle
  }

  /** What stands behind it moves up, unless it stands where it belongs: so no mark has to be left. */
  #leave(table: Uint32Array, handle: number): void {
    const mask = table.length - 1
    let hole = this.#hashes[handle]! & mask
    while (table[hole] !== handle) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask; table[at] !== NONE; at = (at + 1) & mask) {
      const home = this.#hashes[table[at]!]! & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      table[hole] = table[at]!
      hole = at
    }
    table[hole] = NONE
  }

  /** To as much room as they need. */
  #move(slot: number, from: Places): Places {
    let size = LEAST_PLACES
    while (size < (4 / 3) * (from.count + 1)) size *= 2
    const to = new Places(size)
    const holes: number[] = []
    for (let number = 0; number < from.used; number++) {
      const handle = from.order[number]!
      if (handle === NONE) holes.push(number)
      else this.#append(to, handle)
    }
    from.movedTo = to
    from.holes = holes
    this.#slots[slot] = to
    return to
  }
}

function countBelow(number: number, numbers: readonly number[]): number {
  const at = numbers.findIndex((each) => each >= number)
  return at === -1 ? numbers.length : at
}
