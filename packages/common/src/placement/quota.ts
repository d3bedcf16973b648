/** The fullest server holds at most this much of its share, plus SLACK_SLOTS. */
export const QUOTA_FACTOR = 1.05
export const QUOTA_SLACK_SLOTS = 1
/**
 * A server below this much of its share, less one slot, is new or has grown: it is filled up to its share. Closer to 1,
 * what chance makes uneven when hundreds leave one after another would have to be evened out at each step, beyond the
 * bound on moves (measured: 0.95 costs 1.26 shares from 500 servers to 3, 0.9 costs 1.0).
 */
const FILL_BELOW = 0.9
const BISECTIONS = 48
const LOWEST_LEVEL = 1e-9
const EPSILON = 1e-6

/** How many slots each server may still give or take: some must be, of others only a number in all. */
export class Budget {
  readonly #must: Int32Array
  readonly #may: Int32Array
  #mayLeft: number
  #mustLeft: number

  constructor(must: Int32Array, may: Int32Array, mayLeft: number) {
    this.#must = must
    this.#may = may
    this.#mayLeft = mayLeft
    this.#mustLeft = must.reduce((sum, count) => sum + count, 0)
  }

  /** Slots that are still to be given or taken by all servers together. */
  get total(): number {
    return this.#mustLeft + this.#mayLeft
  }

  allows(server: number): boolean {
    return this.#must[server]! > 0 || (this.#mayLeft > 0 && this.#may[server]! > 0)
  }

  /** What one server may give or take at most. */
  of(server: number): number {
    return this.#must[server]! + Math.min(this.#may[server]!, this.#mayLeft)
  }

  spend(server: number): void {
    if (this.#must[server]! > 0) {
      this.#must[server]!--
      this.#mustLeft--
    } else {
      this.#may[server]!--
      this.#mayLeft--
    }
  }
}

export interface Demand {
  /** Slots that each server holds now. */
  readonly counts: Int32Array
  /** Slots that each server ought to hold, fractional. Their sum is that of `counts` plus `unplaced`. */
  readonly shares: Float64Array
  /** Slots of each server that must stay where they are. */
  readonly fixed: Int32Array
  /** Slots that no server holds yet. */
  readonly unplaced: number
}

/** What has to change hands: `room.total = give.total + unplaced`. */
export interface Settlement {
  readonly give: Budget
  readonly room: Budget
  /** Slots that each server holds afterwards, give or take one. */
  readonly settled: Float64Array
}

/** The most slots a server may hold. */
export function quotaOf(share: number): number {
  return share > 0 ? Math.floor(share * QUOTA_FACTOR + QUOTA_SLACK_SLOTS + EPSILON) : 0
}

/** Whether a server has so few slots that it must be new, or have grown. */
export function isShort(count: number, share: number): boolean {
  return count < share * FILL_BELOW - 1
}

/**
 * The fewest changes of hands after which nobody is over its quota, nobody new is short of its share, and every slot
 * is placed. Whoever is within these bounds keeps what it has, except that newcomers take from the fullest, down to
 * one level for all, and what is over goes to the emptiest, up to one level for all; so a long history of joins and
 * leaves does not wear the balance out. Among servers that stand at that level, the caller chooses who gives
 * or takes one more (the `may` of a budget).
 *
 * A join moves no more than 1.05 shares: before it all were within 1.05 × total/(n−1) + 1, so what exceeds
 * 1.05 × total/n + 1 sums up to at most 1.05 × total/n.
 */
export function settle({ counts, shares, fixed, unplaced }: Demand): Settlement {
  const size = counts.length
  const base = new Int32Array(size) // after the bounds are applied, before the level is
  const floors = new Int32Array(size)
  const ceilings = new Int32Array(size)
  let surplus = -unplaced
  for (let i = 0; i < size; i++) {
    const share = shares[i]!
    const isNew = isShort(counts[i]!, share)
    ceilings[i] = Math.max(quotaOf(share), fixed[i]!)
    base[i] = isNew ? Math.floor(share + EPSILON) : Math.min(counts[i]!, ceilings[i]!)
    floors[i] = isNew ? base[i]! : fixed[i]!
    surplus += base[i]! - counts[i]!
  }
  const change =
    surplus > 0
      ? levelled(
          surplus,
          size,
          (i, level) => base[i]! - Math.max(floors[i]!, Math.ceil(shares[i]! * level - EPSILON)),
        )
      : levelled(
          -surplus,
          size,
          (i, level) => Math.min(ceilings[i]!, Math.floor(shares[i]! / level + EPSILON)) - base[i]!,
        )
  return surplus > 0 ? cut(counts, base, change) : raise(counts, base, change)
}

interface Change {
  readonly must: Int32Array
  readonly may: Int32Array
  readonly mayTotal: number
}

/**
 * Splits `amount` among the servers by a common level: `excess(server, level)` grows as the level falls.
 * Everybody gets the excess over the lowest level that does not exceed the amount; the rest is left open among those
 * who reach the next.
 */
function levelled(amount: number, size: number, excess: (server: number, level: number) => number): Change {
  const must = new Int32Array(size)
  const may = new Int32Array(size)
  if (amount === 0) return { must, may, mayTotal: 0 }
  const sumAt = (level: number): number => {
    let sum = 0
    for (let i = 0; i < size; i++) sum += Math.max(0, excess(i, level))
    return sum
  }
  let low = LOWEST_LEVEL
  let high = 1
  while (sumAt(high) > amount) high *= 2
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2
    if (sumAt(middle) > amount) low = middle
    else high = middle
  }
  let mayTotal = amount
  let open = 0
  for (let i = 0; i < size; i++) {
    must[i] = Math.max(0, excess(i, high))
    may[i] = Math.max(0, excess(i, low)) - must[i]!
    mayTotal -= must[i]!
    open += may[i]!
  }
  return { must, may, mayTotal: Math.min(mayTotal, open) }
}

/** Those at the top give `change` beyond the bounds. */
function cut(counts: Int32Array, base: Int32Array, { must, may, mayTotal }: Change): Settlement {
  const give = new Int32Array(counts.length)
  const room = new Int32Array(counts.length)
  for (let i = 0; i < counts.length; i++) {
    give[i] = Math.max(0, counts[i]! - base[i]! + must[i]!)
    room[i] = Math.max(0, base[i]! - counts[i]!)
  }
  return {
    give: new Budget(give, may, mayTotal),
    room: new Budget(room, new Int32Array(counts.length), 0),
    settled: expectation(base, must, may, mayTotal, -1),
  }
}

/** Those at the bottom take `change` beyond the bounds. */
function raise(counts: Int32Array, base: Int32Array, { must, may, mayTotal }: Change): Settlement {
  const give = new Int32Array(counts.length)
  const room = new Int32Array(counts.length)
  for (let i = 0; i < counts.length; i++) {
    give[i] = Math.max(0, counts[i]! - base[i]!)
    room[i] = Math.max(0, base[i]! - counts[i]!) + must[i]!
  }
  return {
    give: new Budget(give, new Int32Array(counts.length), 0),
    room: new Budget(room, may, mayTotal),
    settled: expectation(base, must, may, mayTotal, 1),
  }
}

function expectation(
  base: Int32Array,
  must: Int32Array,
  may: Int32Array,
  mayTotal: number,
  sign: 1 | -1,
): Float64Array {
  const open = may.reduce((sum, count) => sum + count, 0)
  const chance = open > 0 ? mayTotal / open : 0
  return Float64Array.from(base, (count, i) => count + sign * (must[i]! + may[i]! * chance))
}
