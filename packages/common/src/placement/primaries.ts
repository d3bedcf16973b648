import { bestOf, companion, countByServer, offerByRank, Pairs, slotsWhere, withRoom } from './draft.js'
import { areApart, isActive, type Fleet } from './fleet.js'
import { settle, type Settlement } from './quota.js'
import { evenSpread } from './spread.js'
import { NONE, type Columns } from './types.js'

/**
 * Who is to be the primary of each slot. Stays where it is; a slot that lost its primary, or whose primary is leaving,
 * promotes its backup; then quotas are met.
 */
export function placePrimaries(
  fleet: Fleet,
  current: Columns,
  pins: ReadonlyMap<number, number>,
): Uint16Array {
  const placement = new PrimaryPlacement(fleet, current, pins)
  placement.placeUnplaced()
  placement.meetQuotas()
  return placement.primary
}

class PrimaryPlacement {
  readonly primary: Uint16Array
  readonly #fleet: Fleet
  /** The backups in force, as far as the servers are active. */
  readonly #backup: Uint16Array
  /** The slot's primary changes in any case: 1. */
  readonly #isLoose: Uint8Array
  readonly #isPinned: Uint8Array
  readonly #settlement: Settlement
  readonly #pairs: Pairs

  constructor(fleet: Fleet, current: Columns, pins: ReadonlyMap<number, number>) {
    const { length } = current.primary
    this.#fleet = fleet
    this.primary = new Uint16Array(length)
    this.#backup = current.backup.map((server) => (isActive(fleet, server) ? server : NONE))
    this.#isLoose = new Uint8Array(length)
    this.#isPinned = new Uint8Array(length)
    for (let slot = 0; slot < length; slot++) this.#keep(slot, current.primary[slot]!, pins.get(slot) ?? NONE)
    this.#settlement = this.#settle()
    const kept = this.#backup.map((backup, slot) => companion(fleet, backup, this.primary[slot]!))
    const backups = Float64Array.from(countByServer(fleet, kept))
    this.#pairs = new Pairs(fleet, evenSpread(fleet, this.#settlement.settled, backups), this.primary, kept)
  }

  #keep(slot: number, primary: number, pin: number): void {
    if (isActive(this.#fleet, pin)) {
      this.primary[slot] = pin
      this.#isPinned[slot] = 1
    } else if (isActive(this.#fleet, primary)) {
      this.primary[slot] = primary
    } else {
      this.primary[slot] = this.#backup[slot]!
      this.#isLoose[slot] = 1
    }
  }

  #settle(): Settlement {
    const { weights } = this.#fleet
    const counts = countByServer(this.#fleet, this.primary)
    const fixed = countByServer(
      this.#fleet,
      this.primary.map((server, slot) => (this.#isPinned[slot] === 1 ? server : NONE)),
    )
    const unplaced = this.primary.length - counts.reduce((sum, count) => sum + count, 0)
    const perWeight = this.primary.length / weights.reduce((sum, weight) => sum + weight, 0)
    return settle({ counts, fixed, unplaced, shares: weights.map((weight) => weight * perWeight) })
  }

  /** Slots of which no active server has a copy. */
  placeUnplaced(): void {
    const { room } = this.#settlement
    const place = (slot: number, server: number): void => {
      this.primary[slot] = server
      room.spend(server)
    }
    const isUnplaced = (slot: number): boolean => this.primary[slot] === NONE
    offerByRank(this.#fleet, slotsWhere(this.primary, isUnplaced), room, isUnplaced, place)
    const receivers = withRoom(this.#fleet, room)
    for (const slot of slotsWhere(this.primary, isUnplaced)) {
      const server = bestOf(
        receivers,
        room,
        () => true,
        (candidate) => room.of(candidate),
      )
      if (server !== NONE) place(slot, server)
    }
  }

  /**
   * Takes slots from those over quota, or fullest, for those with room; the cheapest first: slots whose primary changes
   * in any case, and whose backup can stay; slots without a backup, where the old primary becomes the backup (one copy
   * serves both roles); slots whose primary changes, and the backup too; other slots whose backup can stay; those whose
   * old primary can become the backup; the rest. Among equals, what the ring prefers.
   */
  meetQuotas(): void {
    const { give } = this.#settlement
    if (give.total === 0) return
    const fleet = this.#fleet
    const isFree = (slot: number): boolean => this.#isPinned[slot] === 0 && this.primary[slot] !== NONE
    const hasBackup = (slot: number): boolean => this.#backup[slot] !== NONE
    const loose = slotsWhere(this.primary, (slot) => isFree(slot) && this.#isLoose[slot] === 1)
    const bare = slotsWhere(
      this.primary,
      (slot) => isFree(slot) && this.#isLoose[slot] === 0 && !hasBackup(slot),
    )
    const backed = slotsWhere(
      this.primary,
      (slot) => isFree(slot) && this.#isLoose[slot] === 0 && hasBackup(slot),
    )
    const keepsBackup = (slot: number, to: number): boolean => areApart(fleet, to, this.#backup[slot]!)
    const keepsSpread = (slot: number, to: number): boolean =>
      keepsBackup(slot, to) &&
      this.#pairs.hasTooMany(this.primary[slot]!, this.#backup[slot]!) &&
      this.#pairs.hasRoom(to, this.#backup[slot]!)
    const evensSpread = (slot: number, to: number): boolean =>
      keepsBackup(slot, to) &&
      this.#pairs.lack(to, this.#backup[slot]!) > this.#pairs.lack(this.primary[slot]!, this.#backup[slot]!)
    const canTurnBackup = (slot: number, to: number): boolean => areApart(fleet, to, this.primary[slot]!)
    this.#move(loose, keepsBackup)
    this.#move(bare, canTurnBackup)
    this.#move(loose, () => true)
    this.#move(backed, keepsSpread)
    this.#move(backed, evensSpread)
    this.#move(backed, keepsBackup)
    this.#move(backed, canTurnBackup)
    this.#move(slotsWhere(this.primary, isFree), () => true)
  }

  #move(slots: Uint16Array, suits: (slot: number, to: number) => boolean): void {
    const { give, room } = this.#settlement
    const wants = (slot: number, to: number): boolean => {
      const from = this.primary[slot]!
      return from !== to && give.allows(from) && suits(slot, to)
    }
    const accept = (slot: number, to: number): void => {
      const from = this.primary[slot]!
      const backup = this.#backup[slot]!
      this.#pairs.remove(from, companion(this.#fleet, backup, from))
      this.#pairs.add(to, companion(this.#fleet, backup, to))
      this.primary[slot] = to
      give.spend(from)
      room.spend(to)
    }
    if (slots.length === 0) return
    offerByRank(this.#fleet, slots, room, wants, accept)
    const receivers = withRoom(this.#fleet, room)
    for (let i = 0; i < slots.length && give.total > 0 && room.total > 0; i++) {
      const slot = slots[i]!
      if (!give.allows(this.primary[slot]!)) continue
      const to = bestOf(
        receivers,
        room,
        (server) => wants(slot, server),
        (server) => room.of(server),
      )
      if (to !== NONE) accept(slot, to)
    }
  }
}
