import { limits } from '@icf/common'

const INITIAL_CAPACITY = 64

/** Notes without a question, after which the index is given up. */
const INDEX_IDLE_NOTES = 4096

/**
 * One client as the source of numbered writes: which of them this server has carried out (as the primary, or as a
 * copy), for as long as the client may repeat them. So a write that is sent again after a broken connection, to this
 * server or to the one that replaces it, is not carried out twice: RIFL's idea (Lee et al., SOSP 2015).
 *
 * Numbers come about in order, so a ring in the order of arrival is enough: noting costs a few stores, and only a
 * repetition, which is rare, needs an index: made when it is asked for, and kept for as long as that goes on.
 */
export class Origin {
  /** All writes below this have their answers: nobody repeats them. */
  settledBelow = 0
  /** When it was last heard of, in ms. */
  seenAt = 0
  #numbers = new Float64Array(INITIAL_CAPACITY)
  #slots = new Uint16Array(INITIAL_CAPACITY)
  #lives = new Uint32Array(INITIAL_CAPACITY)
  #head = 0
  #count = 0
  /** Number → place in the ring. */
  #index: Map<number, number> | undefined
  #notesSinceAsked = 0

  constructor(readonly id: string) {}

  get size(): number {
    return this.#count
  }

  settle(below: number): void {
    if (below <= this.settledBelow) return
    this.settledBelow = below
    const mask = this.#numbers.length - 1
    while (this.#count > 0 && this.#numbers[this.#head]! < below) this.#forgetOldest(mask)
  }

  /** @param life of the slot's copy here: what an earlier copy had does not count for a later one */
  note(slot: number, number: number, life: number): void {
    if (number < this.settledBelow) return
    if (this.#count === this.#numbers.length) this.#makeRoom()
    const at = (this.#head + this.#count++) & (this.#numbers.length - 1)
    this.#numbers[at] = number
    this.#slots[at] = slot
    this.#lives[at] = life
    if (!this.#index) return
    if (++this.#notesSinceAsked > INDEX_IDLE_NOTES) this.#index = undefined
    else this.#index.set(number, at)
  }

  has(slot: number, number: number, life: number): boolean {
    this.#notesSinceAsked = 0
    this.#index ??= this.#makeIndex()
    const at = this.#index.get(number)
    return at !== undefined && this.#slots[at] === slot && this.#lives[at] === life
  }

  forEach(visit: (slot: number, number: number, life: number) => void): void {
    const mask = this.#numbers.length - 1
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#head + i) & mask
      visit(this.#slots[at]!, this.#numbers[at]!, this.#lives[at]!)
    }
  }

  #makeIndex(): Map<number, number> {
    const index = new Map<number, number>()
    const mask = this.#numbers.length - 1
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#head + i) & mask
      index.set(this.#numbers[at]!, at)
    }
    return index
  }

  #forgetOldest(mask: number): void {
    const at = this.#head
    this.#head = (at + 1) & mask
    this.#count--
    const number = this.#numbers[at]!
    if (this.#index?.get(number) === at) this.#index.delete(number)
  }

  #makeRoom(): void {
    const capacity = this.#numbers.length
    if (capacity >= limits.maxUnsettledWrites) return this.#forgetOldest(capacity - 1)
    this.#index = undefined
    this.#numbers = grown(this.#numbers, new Float64Array(2 * capacity), this.#head)
    this.#slots = grown(this.#slots, new Uint16Array(2 * capacity), this.#head)
    this.#lives = grown(this.#lives, new Uint32Array(2 * capacity), this.#head)
    this.#head = 0
  }
}

/** The ring that begins at `head`, unrolled into a larger one. */
function grown<T extends Float64Array | Uint16Array | Uint32Array>(ring: T, larger: T, head: number): T {
  larger.set(ring.subarray(head))
  larger.set(ring.subarray(0, head), ring.length - head)
  return larger
}
