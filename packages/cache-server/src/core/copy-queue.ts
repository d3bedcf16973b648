/** Slots to be copied to one server. Some may be no more, or have begun already. */
export class CopyQueue {
  /** Part of it may be on its way: nothing goes past it. */
  #current: number | undefined
  /** Slots with writes that are not safe yet, which may wait for this very copy. */
  readonly #awaited = new Set<number>()
  /** All, in the order in which they came. */
  readonly #slots: number[] = []
  /** So many of these are done. */
  #done = 0

  get isEmpty(): boolean {
    return this.#current === undefined && this.#awaited.size === 0 && this.#done === this.#slots.length
  }

  add(slot: number): void {
    this.#slots.push(slot)
  }

  /** A write waits in the slot, which was added before. */
  hurry(slot: number): void {
    this.#awaited.add(slot)
  }

  /** @param copy called for one slot after the other until it returns false, and next time for that one again */
  advance(copy: (slot: number) => boolean): void {
    for (;;) {
      const slot = (this.#current ??= this.#next())
      if (slot === undefined || !copy(slot)) return
      this.#current = undefined
    }
  }

  #next(): number | undefined {
    for (const slot of this.#awaited) {
      this.#awaited.delete(slot)
      return slot
    }
    if (this.#done === this.#slots.length) {
      this.#slots.length = this.#done = 0
      return undefined
    }
    return this.#slots[this.#done++]
  }
}
