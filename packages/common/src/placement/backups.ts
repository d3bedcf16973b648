import { bestOf, companion, countByServer, offerByRank, Pairs, slotsWhere, withRoom } from './draft.js'
import { areApart, isActive, type Fleet } from './fleet.js'
import { settle, type Settlement } from './quota.js'
import { relieve } from './relief.js'
import { backupShares, evenSpread } from './spread.js'
import { NONE, type Columns } from './types.js'

/**
 * Who is to be the backup of each slot, given the primaries to be. Stays where it is, if it may stand beside the
 * primary; the primary's predecessor takes the place of one that is missing or may not; then quotas are met. Whatever
 * is chosen anew is chosen so that each server's backups spread over all others. Where that does not do, because an
 * earlier wish was given up halfway, pairs with far too many slots give some up, as long as that helps.
 */
export function placeBackups(fleet: Fleet, current: Columns, primary: Uint16Array): Uint16Array {
  let placement = new BackupPlacement(fleet, primary, keptBackups(fleet, current, primary))
  placement.settle()
  while (placement.pairs.overload > 0) {
    const levelled = placement.levelled()
    levelled.settle()
    if (levelled.pairs.overload >= placement.pairs.overload) break
    placement = levelled
  }
  return placement.backup
}

interface KeptBackups {
  readonly backup: Uint16Array
  /** The slot's backup changes in any case: 1. */
  readonly isLoose: Uint8Array
}

function keptBackups(fleet: Fleet, current: Columns, primary: Uint16Array): KeptBackups {
  const active = (server: number): number => (isActive(fleet, server) ? server : NONE)
  const isLoose = new Uint8Array(primary.length)
  const backup = primary.map((server, slot) => {
    const kept = companion(fleet, active(current.backup[slot]!), server)
    if (kept !== NONE) return kept
    isLoose[slot] = 1
    return companion(fleet, active(current.primary[slot]!), server)
  })
  return { backup, isLoose }
}

class BackupPlacement {
  readonly backup: Uint16Array
  readonly pairs: Pairs
  readonly #fleet: Fleet
  readonly #primary: Uint16Array
  /** Slots that each server ought to hold. */
  readonly #shares: Float64Array
  readonly #isLoose: Uint8Array
  readonly #counts: Int32Array
  readonly #settlement: Settlement

  constructor(fleet: Fleet, primary: Uint16Array, { backup, isLoose }: KeptBackups) {
    const primaries = Float64Array.from(countByServer(fleet, primary))
    this.#fleet = fleet
    this.#primary = primary
    this.backup = backup
    this.#isLoose = isLoose
    this.#shares = backupShares(fleet, primaries)
    this.#counts = countByServer(fleet, backup)
    this.#settlement = settle({
      counts: this.#counts,
      fixed: new Int32Array(fleet.size),
      unplaced: slotsWhere(backup, (slot) => this.#isUnplaced(slot)).length,
      shares: this.#shares,
    })
    this.pairs = new Pairs(fleet, evenSpread(fleet, primaries, this.#shares), primary, backup)
  }

  /** The same, where pairs with far too many slots gave what is beyond to those of the same primary that lack most. */
  levelled(): BackupPlacement {
    const draft = this.#copy()
    for (let slot = 0; slot < draft.backup.length; slot++) {
      const [primary, backup] = [draft.#primary[slot]!, draft.backup[slot]!]
      if (backup === NONE || !draft.pairs.isOverloaded(primary, backup)) continue
      const to = draft.#bestOfAll(slot, (server) => draft.pairs.lack(primary, server))
      if (draft.pairs.lack(primary, to) >= 1) draft.#put(slot, to)
    }
    return draft.#copy()
  }

  #copy(): BackupPlacement {
    const isLoose = new Uint8Array(this.backup.length)
    return new BackupPlacement(this.#fleet, this.#primary, { backup: this.backup.slice(), isLoose })
  }

  /** Places what has no server, and meets the quotas. */
  settle(): void {
    this.#placeUnplaced()
    this.#meetQuotas()
    this.#relieve()
  }

  #isUnplaced(slot: number): boolean {
    return this.backup[slot] === NONE && this.#primary[slot] !== NONE
  }

  #placeUnplaced(): void {
    const { room } = this.#settlement
    const place = (slot: number, server: number): void => {
      this.#put(slot, server)
      if (room.allows(server)) room.spend(server)
    }
    const isUnplaced = (slot: number): boolean => this.#isUnplaced(slot)
    const suits = (slot: number, server: number): boolean =>
      isUnplaced(slot) && this.#mayStand(slot, server) && this.pairs.hasRoom(this.#primary[slot]!, server)
    offerByRank(this.#fleet, slotsWhere(this.backup, isUnplaced), room, suits, place)
    const receivers = withRoom(this.#fleet, room)
    for (const slot of slotsWhere(this.backup, isUnplaced)) {
      const server = this.#bestFor(slot, receivers)
      if (server !== NONE) place(slot, server)
      else this.#put(slot, this.#emptiestFor(slot))
    }
  }

  /** Takes slots from those over quota, or fullest, for those with room: those whose backup changes in any case first. */
  #meetQuotas(): void {
    const primary = this.#primary
    const isPlaced = (slot: number): boolean => this.backup[slot] !== NONE
    const loose = slotsWhere(this.backup, (slot) => isPlaced(slot) && this.#isLoose[slot] === 1)
    const settled = slotsWhere(this.backup, (slot) => isPlaced(slot) && this.#isLoose[slot] === 0)
    const improves = (slot: number, to: number): boolean =>
      this.pairs.hasTooMany(primary[slot]!, this.backup[slot]!) && this.pairs.hasRoom(primary[slot]!, to)
    const evens = (slot: number, to: number): boolean =>
      this.pairs.lack(primary[slot]!, to) > this.pairs.lack(primary[slot]!, this.backup[slot]!)
    const fits = (slot: number, to: number): boolean => !this.pairs.isFull(primary[slot]!, to)
    for (const slots of [loose, settled]) {
      this.#move(slots, improves)
      this.#move(slots, evens)
      this.#move(slots, fits)
      this.#move(slots, () => true)
    }
  }

  #move(slots: Uint16Array, suits: (slot: number, to: number) => boolean): void {
    const { give, room } = this.#settlement
    if (give.total === 0 || slots.length === 0) return
    const wants = (slot: number, to: number): boolean => {
      const from = this.backup[slot]!
      return from !== to && give.allows(from) && this.#mayStand(slot, to) && suits(slot, to)
    }
    const accept = (slot: number, to: number): void => {
      give.spend(this.backup[slot]!)
      room.spend(to)
      this.#put(slot, to)
    }
    offerByRank(this.#fleet, slots, room, wants, accept)
    const receivers = withRoom(this.#fleet, room)
    for (let i = 0; i < slots.length && give.total > 0 && room.total > 0; i++) {
      const slot = slots[i]!
      if (!give.allows(this.backup[slot]!)) continue
      const to = this.#bestFor(slot, receivers, (server) => wants(slot, server))
      if (to !== NONE) accept(slot, to)
    }
  }

  /** The server with room that holds the fewest of this primary's backups, measured by what it ought to hold. */
  #bestFor(slot: number, receivers: readonly number[], isEligible?: (server: number) => boolean): number {
    const primary = this.#primary[slot]!
    return bestOf(
      receivers,
      this.#settlement.room,
      isEligible ?? ((server) => this.#mayStand(slot, server)),
      (server) => this.pairs.lack(primary, server),
    )
  }

  /** Of all servers that may hold the backup, the one with the least of its share. */
  #emptiestFor(slot: number): number {
    return this.#bestOfAll(slot, (server) => -(this.#counts[server]! + 1) / this.#shares[server]!)
  }

  #bestOfAll(slot: number, merit: (server: number) => number): number {
    let best = NONE
    let bestMerit = -Infinity
    for (let server = 0; server < this.#fleet.size; server++) {
      if (!isActive(this.#fleet, server) || !this.#mayStand(slot, server)) continue
      const own = merit(server)
      if (own > bestMerit || best === NONE) [best, bestMerit] = [server, own]
    }
    return best
  }

  /** Resolves what zones, or a very heavy server, left over quota or short. */
  #relieve(): void {
    relieve({
      fleet: this.#fleet,
      primary: this.#primary,
      backup: this.backup,
      counts: this.#counts,
      shares: this.#shares,
      pairs: this.pairs,
      put: (slot, server) => this.#put(slot, server),
    })
  }

  #put(slot: number, server: number): void {
    const old = this.backup[slot]!
    if (old !== NONE) this.#counts[old]!--
    if (server !== NONE) this.#counts[server]!++
    this.pairs.remove(this.#primary[slot]!, old)
    this.pairs.add(this.#primary[slot]!, server)
    this.backup[slot] = server
  }

  #mayStand(slot: number, server: number): boolean {
    return areApart(this.#fleet, this.#primary[slot]!, server)
  }
}
