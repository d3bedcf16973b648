const NONE = 0
const LEAST_PLACES = 4

/** By handle: its place among those of its slot. */
export interface PlaceOf {
  place(handle: number): number
  setPlace(handle: number, place: number): void
}

/** The handles of one slot, until it needs another amount of room. */
class Places {
  /** In the order in which they came, with holes where some have gone. */
  readonly handles: Uint32Array
  used = 0
  count = 0
  /** Where the handles are now, and the holes that were left out there. */
  movedTo: Places | undefined
  holes: readonly number[] = []

  constructor(size: number) {
    this.handles = new Uint32Array(size)
  }
}

/** The handles of each slot, in the order in which they came. */
export class SlotOrder {
  readonly #slots: (Places | undefined)[]

  constructor(
    slotCount: number,
    private readonly places: PlaceOf,
  ) {
    this.#slots = new Array<undefined>(slotCount).fill(undefined)
  }

  countOf(slot: number): number {
    return this.#slots[slot]?.count ?? 0
  }

  add(slot: number, handle: number): void {
    let places = this.#slots[slot]
    if (!places) places = this.#slots[slot] = new Places(LEAST_PLACES)
    else if (places.used === places.handles.length) places = this.#move(slot, places)
    this.#append(places, handle)
  }

  remove(slot: number, handle: number): void {
    const places = this.#slots[slot]!
    const { length } = places.handles
    places.handles[this.places.place(handle)] = NONE
    places.count--
    if (places.count === 0) this.#slots[slot] = undefined
    else if (length > LEAST_PLACES && 4 * places.count <= length) this.#move(slot, places)
  }

  /** Another handle, which has the same place, is there. */
  replace(slot: number, handle: number): void {
    this.#slots[slot]!.handles[this.places.place(handle)] = handle
  }

  /** Also while others come, which it will name, and go. */
  *handlesOf(slot: number): IterableIterator<number> {
    let places = this.#slots[slot]
    for (let number = 0; places; number++) {
      for (; places.movedTo; places = places.movedTo) number -= countBelow(number, places.holes)
      if (number >= places.used) return
      const handle = places.handles[number]!
      if (handle !== NONE) yield handle
    }
  }

  #append(places: Places, handle: number): void {
    this.places.setPlace(handle, places.used)
    places.handles[places.used++] = handle
    places.count++
  }

  /** To as much room as they need. */
  #move(slot: number, from: Places): Places {
    let size = LEAST_PLACES
    while (size < (4 / 3) * (from.count + 1)) size *= 2
    const to = new Places(size)
    const holes: number[] = []
    for (let number = 0; number < from.used; number++) {
      const handle = from.handles[number]!
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
