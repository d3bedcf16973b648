import { SLOT_COUNT } from '@icf/common'

/** Which slots may hold an expired entry: a lower bound of the earliest expiry in each. */
export class ExpiryIndex {
  readonly #earliest = new Float64Array(SLOT_COUNT).fill(Infinity)
  /** Nothing expires before this. */
  #earliestOfAll = Infinity
  #cursor = 0

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
    for (let step = 0; step < SLOT_COUNT; step++) {
      const slot = this.#cursor
      this.#cursor = (this.#cursor + 1) % SLOT_COUNT
      if (this.#earliest[slot]! <= now) return slot
    }
    this.#earliestOfAll = this.#earliest.reduce((least, at) => Math.min(least, at))
    return -1
  }
}
