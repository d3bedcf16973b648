/** Handles from here on are of entries; those below stand for the ends of the lists. */
export const FIRST_HANDLE = 2

/**
 * Which handle was used when: one list for each side, a chain through typed arrays whose ends meet in the handle that has the
 * side's number. A handle that is in no list may be used for `next` by its owner.
 */
export class Recency {
  next: Uint32Array
  #prev: Uint32Array

  constructor(capacity: number) {
    this.next = new Uint32Array(capacity)
    this.#prev = new Uint32Array(capacity)
    for (let end = 0; end < FIRST_HANDLE; end++) this.next[end] = this.#prev[end] = end
  }

  grow(capacity: number): void {
    this.next = grown(this.next, capacity)
    this.#prev = grown(this.#prev, capacity)
  }

  /** As the most recently used one of that side. */
  add(side: number, handle: number): void {
    const after = this.next[side]!
    this.next[side] = handle
    this.#prev[handle] = side
    this.next[handle] = after
    this.#prev[after] = handle
  }

  remove(handle: number): void {
    const before = this.#prev[handle]!
    const after = this.next[handle]!
    this.next[before] = after
    this.#prev[after] = before
  }

  /** The least recently used one; below FIRST_HANDLE: there is none. */
  oldest(side: number): number {
    return this.#prev[side]!
  }
}

export function grown(column: Uint32Array, capacity: number): Uint32Array {
  const longer = new Uint32Array(capacity)
  longer.set(column)
  return longer
}
