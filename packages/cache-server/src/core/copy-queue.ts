/** Slots to be copied to one server. Some may be no more, or have begun already. */
export class CopyQueue {
  /** Slots with writes that are not safe yet, which may wait for this very copy. */
  readonly #awaited = new Set<number>()
  /** All, in the order in which they came. */
  readonly #slots: number[] = []

  get isEmpty(): boolean {
    return this.#slots.length === 0 && this.#awaited.size === 0
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
    for (const slot of this.#awaited) {
      if (!copy(slot)) return
      this.#awaited.delete(slot)
    }
    let done = 0
    for (const slot of this.#slots) {
      if (!copy(slot)) break
      done++
    }
    this.#slots.splice(0, done)
  }
}
