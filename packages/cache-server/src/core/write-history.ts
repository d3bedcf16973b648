import { SLOT_COUNT } from '@icf/common'
import { Origin } from './origin.js'

/** A client that was not heard of for this long, in ms, repeats nothing any more: its deadlines are over. */
const FORGET_AFTER_MS = 60_000

/** Clients known at once; past this, those not heard of for longest are forgotten. */
const MAX_ORIGINS = 20_000

/** How exact "for longest" is, in ms. */
const SEEN_STEP_MS = 1000

export interface WrittenBy {
  readonly origin: Origin
  readonly number: number
}

/** Which numbered writes each slot has here: what answers a repetition without carrying it out again. */
export class WriteHistory {
  readonly #origins = new Map<string, Origin>()
  /** Counts the copies of each slot that this server has had. */
  readonly #lives: Uint32Array
  #bySlot: Map<number, WrittenBy[]> | undefined
  #nextForgetting = 0

  constructor(slotCount = SLOT_COUNT) {
    this.#lives = new Uint32Array(slotCount)
  }

  /** The client of this id, which is not ''. */
  origin(id: string, now: number): Origin {
    const present = this.#origins.get(id)
    if (present && now - present.seenAt < SEEN_STEP_MS) return present
    const origin = present ?? new Origin(id)
    origin.seenAt = now
    // To the end: the map is in the order in which they were seen.
    this.#origins.delete(id)
    this.#origins.set(id, origin)
    if (this.#origins.size > MAX_ORIGINS) this.#forgetOldest()
    return origin
  }

  /** @param number 0: it has none */
  note(slot: number, origin: Origin | undefined, number: number): void {
    if (!origin || number === 0) return
    origin.note(slot, number, this.#lives[slot]!)
    this.#bySlot = undefined
  }

  has(slot: number, origin: Origin | undefined, number: number): boolean {
    return origin !== undefined && origin.has(slot, number, this.#lives[slot]!)
  }

  /** Writes of the slot that may be repeated: a new copy has to know them. */
  of(slot: number): readonly WrittenBy[] {
    return this.bySlot.get(slot) ?? []
  }

  /** The same for all slots that have any, as of now; without slots that are cleared later. */
  get bySlot(): ReadonlyMap<number, readonly WrittenBy[]> {
    return (this.#bySlot ??= this.#group())
  }

  /** The slot's copy here is over. */
  clear(slot: number): void {
    this.#lives[slot]!++
    this.#bySlot?.delete(slot)
  }

  /** Forgets clients that are gone; looks seldom. */
  forget(now: number): void {
    if (now < this.#nextForgetting) return
    this.#nextForgetting = now + FORGET_AFTER_MS / 4
    for (const [id, origin] of this.#origins)
      if (now - origin.seenAt > FORGET_AFTER_MS) this.#origins.delete(id)
  }

  #forgetOldest(): void {
    for (const id of this.#origins.keys()) {
      this.#origins.delete(id)
      return
    }
  }

  /** For all slots at once: copies begin in great numbers. */
  #group(): Map<number, WrittenBy[]> {
    const bySlot = new Map<number, WrittenBy[]>()
    for (const origin of this.#origins.values())
      origin.forEach((slot, number, life) => {
        if (life !== this.#lives[slot]) return
        const present = bySlot.get(slot)
        if (present) present.push({ origin, number })
        else bySlot.set(slot, [{ origin, number }])
      })
    return bySlot
  }
}
