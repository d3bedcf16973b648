import { areApart, type Fleet } from './fleet.js'
import type { Budget } from './quota.js'
import type { Spread } from './spread.js'
import { NONE } from './types.js'

/**
 * The most slots that a pair of servers is to have in common: this much of what is expected, or so many more, where
 * little is expected (rule 6 of `target`).
 */
const PAIR_FACTOR = 1.4
const PAIR_SLACK_SLOTS = 12

/** Counts, for each pair of servers, the slots with their primary on the one and their backup on the other. */
export class Pairs {
  readonly #fleet: Fleet
  readonly #spread: Spread
  readonly #counts: Uint16Array

  constructor(fleet: Fleet, spread: Spread, primary: Uint16Array, backup: Uint16Array) {
    this.#fleet = fleet
    this.#spread = spread
    this.#counts = new Uint16Array(fleet.size * fleet.size)
    for (let slot = 0; slot < primary.length; slot++) this.add(primary[slot]!, backup[slot]!)
  }

  add(primary: number, backup: number): void {
    if (primary !== NONE && backup !== NONE) this.#counts[primary * this.#fleet.size + backup]!++
  }

  remove(primary: number, backup: number): void {
    if (primary !== NONE && backup !== NONE) this.#counts[primary * this.#fleet.size + backup]!--
  }

  /** Slots that the pair lacks; negative when it has too many. */
  lack(primary: number, backup: number): number {
    return this.#spread.expected(primary, backup) - this.#counts[primary * this.#fleet.size + backup]!
  }

  /** Whether one more does not exceed what is expected: while that is so of some pair, no other gets more. */
  hasRoom(primary: number, backup: number): boolean {
    return this.lack(primary, backup) >= 0
  }

  hasTooMany(primary: number, backup: number): boolean {
    return this.lack(primary, backup) < 0
  }

  /** Whether one more would be far too many. */
  isFull(primary: number, backup: number): boolean {
    return this.#leeway(primary, backup) < 1
  }

  /** Whether the pair has far too many already. */
  isOverloaded(primary: number, backup: number): boolean {
    return this.#leeway(primary, backup) < 0
  }

  /** Slots that pairs have beyond the most they are to have, all together. */
  get overload(): number {
    const { size } = this.#fleet
    let sum = 0
    for (let primary = 0; primary < size; primary++)
      for (let backup = 0; backup < size; backup++) sum += Math.max(0, -this.#leeway(primary, backup))
    return sum
  }

  #leeway(primary: number, backup: number): number {
    const expected = this.#spread.expected(primary, backup)
    const most = Math.max(PAIR_FACTOR * expected, expected + PAIR_SLACK_SLOTS)
    return most - this.#counts[primary * this.#fleet.size + backup]!
  }
}

/**
 * Gives every listed slot that `wants` to go to one of the servers with room, those first that the ring ranks highest
 * for their slot: first all slots whose first choice will do, then second choices, and so on. `accept` carries a
 * change out, and spends the budgets.
 */
export function offerByRank(
  fleet: Fleet,
  slots: Uint16Array,
  room: Budget,
  wants: (slot: number, server: number) => boolean,
  accept: (slot: number, server: number) => void,
): void {
  const { depth, row, ranked } = fleet.leaders
  for (let place = 0; place < depth && room.total > 0; place++) {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!
      const server = ranked[row[slot]! * depth + place]!
      if (server !== NONE && room.allows(server) && wants(slot, server)) accept(slot, server)
    }
  }
}

/** Slots that each server holds. */
export function countByServer(fleet: Fleet, column: Uint16Array): Int32Array {
  const counts = new Int32Array(fleet.size)
  for (const server of column) if (server !== NONE) counts[server]!++
  return counts
}

/** The slots of a column for which this holds, ascending. */
export function slotsWhere({ length }: Uint16Array, isWanted: (slot: number) => boolean): Uint16Array {
  const found = new Uint16Array(length)
  let count = 0
  for (let slot = 0; slot < length; slot++) if (isWanted(slot)) found[count++] = slot
  return found.subarray(0, count)
}

/** Servers with room, as they are now: the list is not kept up. */
export function withRoom(fleet: Fleet, room: Budget): number[] {
  return Array.from({ length: fleet.size }, (_, server) => server).filter((server) => room.allows(server))
}

/** Of the candidates that have room and are eligible, the one with the highest merit, or NONE. */
export function bestOf(
  candidates: readonly number[],
  room: Budget,
  isEligible: (server: number) => boolean,
  merit: (server: number) => number,
): number {
  let best = NONE
  let bestMerit = -Infinity
  for (const server of candidates) {
    if (!room.allows(server) || !isEligible(server)) continue
    const own = merit(server)
    if (own > bestMerit) {
      best = server
      bestMerit = own
    }
  }
  return best
}

/** The backup that a slot would keep: there, and allowed beside this primary. */
export function companion(fleet: Fleet, backup: number, primary: number): number {
  return backup !== NONE && primary !== NONE && areApart(fleet, primary, backup) ? backup : NONE
}
