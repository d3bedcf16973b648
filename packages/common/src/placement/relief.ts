import type { Pairs } from './draft.js'
import { isActive, type Fleet } from './fleet.js'
import { isShort, quotaOf } from './quota.js'
import { NONE } from './types.js'

/** Paths tried, for each server: a bound on time that ordinary fleets stay far below. */
const PATHS_PER_SERVER = 16

/** Backups as they stand, and the way to change one. */
export interface BackupDraft {
  readonly fleet: Fleet
  readonly primary: Readonly<Uint16Array>
  readonly backup: Readonly<Uint16Array>
  /** Backups that each server holds; `put` keeps it up. */
  readonly counts: Readonly<Int32Array>
  /** Backups that each server ought to hold. */
  readonly shares: Readonly<Float64Array>
  readonly pairs: Pairs
  put(slot: number, server: number): void
}

/**
 * A server may be over quota still, or a newcomer short, where no slot could go directly from who has too many to who
 * has too few, because of where the primaries are (as a rule because of zones). Then others pass slots on: along the
 * shortest path from the one to the other, every server gives as many as it takes (Ford and Fulkerson 1956; Edmonds
 * and Karp 1972). Ends with nobody over quota or short, or when no path is left.
 */
export function relieve(draft: BackupDraft): void {
  const { counts, shares } = draft
  const whole = (server: number): number => Math.round(shares[server]!)
  const isOver = (server: number): boolean => counts[server]! > quotaOf(shares[server]!)
  const isPoor = (server: number): boolean => isShort(counts[server]!, shares[server]!)
  if (!shares.some((_, server) => isOver(server) || isPoor(server))) return
  const relief = new Relief(draft)
  relief.run(
    (server) => (isOver(server) ? counts[server]! - quotaOf(shares[server]!) : 0),
    (server) => Math.max(0, quotaOf(shares[server]!) - counts[server]!),
  )
  relief.run(
    (server) => Math.max(0, counts[server]! - whole(server)),
    (server) => (isPoor(server) ? whole(server) - counts[server]! : 0),
  )
}

class Relief {
  readonly #draft: BackupDraft
  /** Slots by group of the primary and backup. */
  readonly #byGroup: Uint16Array

  constructor(draft: BackupDraft) {
    const { fleet, primary, backup } = draft
    this.#draft = draft
    this.#byGroup = new Uint16Array(fleet.size ** 2)
    for (let slot = 0; slot < primary.length; slot++)
      if (backup[slot] !== NONE) this.#byGroup[this.#cell(primary[slot]!, backup[slot]!)]!++
  }

  /** `surplus` and `room`: slots that a server is to lose, and may gain, as things stand. */
  run(surplus: (server: number) => number, room: (server: number) => number): void {
    for (let tries = this.#draft.fleet.size * PATHS_PER_SERVER; tries > 0; tries--) {
      const path = this.#shortestPath(surplus, room)
      if (path.length === 0) return
      let amount = Math.min(surplus(path[0]!), room(path.at(-1)!))
      for (let i = 1; i < path.length; i++) amount = Math.min(amount, this.#capacity(path[i - 1]!, path[i]!))
      for (let i = path.length - 1; i > 0; i--) this.#pass(path[i - 1]!, path[i]!, amount)
    }
  }

  /** From a server with a surplus to the emptiest of the nearest with room; empty when there is none. */
  #shortestPath(surplus: (server: number) => number, room: (server: number) => number): number[] {
    const { size } = this.#draft.fleet
    const cameFrom = new Int32Array(size).fill(-1)
    let frontier = this.#servers().filter((server) => surplus(server) > 0)
    for (const server of frontier) cameFrom[server] = server
    while (frontier.length > 0) {
      const reached: number[] = []
      for (const from of frontier) {
        for (let to = 0; to < size; to++) {
          if (cameFrom[to] !== -1 || this.#capacity(from, to) === 0) continue
          cameFrom[to] = from
          reached.push(to)
        }
      }
      const goal = this.#emptiest(reached.filter((server) => room(server) > 0))
      if (goal !== NONE) return trace(cameFrom, goal)
      frontier = reached
    }
    return []
  }

  #servers(): number[] {
    return Array.from({ length: this.#draft.fleet.size }, (_, server) => server)
  }

  #emptiest(servers: readonly number[]): number {
    const { counts, shares } = this.#draft
    let best = NONE
    for (const server of servers)
      if (best === NONE || counts[server]! / shares[server]! < counts[best]! / shares[best]!) best = server
    return best
  }

  /** Slots that `from` holds and `to` may hold. */
  #capacity(from: number, to: number): number {
    const { fleet, counts } = this.#draft
    if (from === to || !isActive(fleet, to)) return 0
    return counts[from]! - this.#byGroup[this.#cell(to, from)]!
  }

  /** Moves slots from one server to the next; first those that even out the spread. */
  #pass(from: number, to: number, amount: number): void {
    const { pairs, primary } = this.#draft
    const evens = (slot: number): boolean => pairs.lack(primary[slot]!, to) > pairs.lack(primary[slot]!, from)
    const left = this.#passWhere(evens, from, to, amount)
    this.#passWhere(() => true, from, to, left)
  }

  /** Returns how many are left to move. */
  #passWhere(suits: (slot: number) => boolean, from: number, to: number, amount: number): number {
    const { fleet, primary, backup, put } = this.#draft
    let left = amount
    for (let slot = 0; slot < backup.length && left > 0; slot++) {
      if (backup[slot] !== from || fleet.groups[primary[slot]!] === fleet.groups[to] || !suits(slot)) continue
      put(slot, to)
      this.#byGroup[this.#cell(primary[slot]!, from)]!--
      this.#byGroup[this.#cell(primary[slot]!, to)]!++
      left--
    }
    return left
  }

  #cell(primary: number, backup: number): number {
    return this.#draft.fleet.groups[primary]! * this.#draft.fleet.size + backup
  }
}

function trace(cameFrom: Int32Array, goal: number): number[] {
  const path = [goal]
  for (let at = goal; cameFrom[at] !== at; at = cameFrom[at]!) path.unshift(cameFrom[at]!)
  return path
}
