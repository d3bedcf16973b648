/** Which slots may hold an expired entry: a lower bound of the earliest expiry in each. */
export class ExpiryIndex {
  readonly #earliest: Float64Array
  /** Nothing expires before this. */
  #earliestOfAll = Infinity
  #cursor = 0

  constructor(slotCount: number) {
    this.#earliest = new Float64Array(slotCount).fill(Infinity)
  }

  note(slot: number, expiresAt: number): void {
    if (expiresAt < this.#earliest[slot]!) this.set(slot, expiresAt)
  }

  /** Called with the earliest expiry that a scan of the whole slot found; Infinity: none. */
  set(slot: number, expiresAt: number): void {
    this.#earliest[slot] = expiresAt
    if (expiresAt < this.#earliestOfAll) this.#earliestOfAll = expiresAt
  }

  /** The next slot, going round, in which something expired by `now`; -1 when there is none. */
  nextDue(now: number): number {
    if (now < this.#earliestOfAll) return -1
    const { length } = this.#earliest
    for (let step = 0; step < length; step++) {
      const slot = this.#cursor
      this.#cursor = (this.#cursor + 1) % length
      if (this.#earliest[slot]! <= now) return slot
    }
    this.#earliestOfAll = this.#earliest.reduce((least, at) => Math.min(least, at))
    return -1
  }
}
