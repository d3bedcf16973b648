import { NONE, type ServerInfo } from '@icf/common'
import type { Columns } from '@icf/common/placement'
import { countBySeat, type SlotTable } from './draft.js'
import type { Cuts } from './reachability.js'

/**
 * What is wished, changed where servers would have to send each other something that can not: a slot goes only where
 * its present primary can copy it, and a backup stands only where its primary reaches it. Where there is no such
 * server, a slot stays, or has no backup. The rest of the wish stays as it is, so that little moves; that servers hold
 * equal shares counts less.
 */
export function detour(
  wanted: Columns,
  table: SlotTable,
  cuts: Cuts,
  canHold: (server: ServerInfo | undefined) => boolean,
): Columns {
  const detours = new Detours(wanted, table, cuts, canHold)
  for (let slot = 0; slot < wanted.primary.length; slot++) detours.find(slot)
  return detours.columns
}

class Detours {
  readonly columns: { primary: Uint16Array; backup: Uint16Array }
  readonly #table: SlotTable
  readonly #cuts: Cuts
  /** Seats that may hold slots. */
  readonly #seats: readonly number[]
  readonly #primaries: Uint32Array
  readonly #backups: Uint32Array
  readonly #places = new Map<number, readonly (readonly number[])[]>()

  constructor(
    wanted: Columns,
    table: SlotTable,
    cuts: Cuts,
    canHold: (server: ServerInfo | undefined) => boolean,
  ) {
    this.columns = { primary: wanted.primary.slice(), backup: wanted.backup.slice() }
    this.#table = table
    this.#cuts = cuts
    this.#seats = [...table.servers.keys()].filter((seat) => canHold(table.servers[seat]))
    this.#primaries = countBySeat(wanted.primary, table.servers.length)
    this.#backups = countBySeat(wanted.backup, table.servers.length)
  }

  find(slot: number): void {
    const { primary, backup } = this.columns
    const present = this.#table.primary[slot]!
    if (this.#cuts.areCut(present, primary[slot]!))
      put(primary, slot, this.#primaryFor(slot, present), this.#primaries)
    const owner = primary[slot]!
    if (backup[slot] !== NONE && !this.#mayBack(backup[slot]!, owner, present))
      put(backup, slot, this.#backupFor(slot, owner, present), this.#backups)
  }

  /** The present one, if it may; else whoever it reaches. */
  #primaryFor(slot: number, present: number): number {
    if (this.#seats.includes(present)) return present
    const backup = this.#table.backup[slot]!
    const reached = this.#seats.filter((seat) => !this.#cuts.areCut(present, seat))
    if (reached.includes(backup)) return backup
    return this.#best(reached, (seat) => this.#fill(seat, this.#primaries)) ?? present
  }

  /** Whether its primary reaches it, and who has the slot now can copy it there. */
  #mayBack(seat: number, owner: number, present: number): boolean {
    return seat !== owner && !this.#cuts.areCut(owner, seat) && !this.#cuts.areCut(present, seat)
  }

  #backupFor(slot: number, owner: number, present: number): number {
    const old = this.#table.backup[slot]!
    const places = this.#placesFor(owner, present)
    // A copy that is there already costs nothing.
    for (const seats of places) {
      if (seats.includes(old)) return old
      const seat = this.#best(seats, (one) => this.#fill(one, this.#backups))
      if (seat !== undefined) return seat
    }
    return NONE
  }

  /** Who may hold the backup: on another machine and in another zone, on another machine, anywhere; the same for many slots. */
  #placesFor(owner: number, present: number): readonly (readonly number[])[] {
    const key = owner * 0x10000 + present
    let places = this.#places.get(key)
    if (places) return places
    const { servers } = this.#table
    const seats = this.#seats.filter((seat) => this.#mayBack(seat, owner, present))
    const isApart = (seat: number, by: 'machine' | 'zone'): boolean =>
      servers[owner]![by] === '' || servers[owner]![by] !== servers[seat]![by]
    const onOtherMachine = seats.filter((seat) => isApart(seat, 'machine'))
    places = [onOtherMachine.filter((seat) => isApart(seat, 'zone')), onOtherMachine, seats]
    this.#places.set(key, places)
    return places
  }

  /** Slots by weight. */
  #fill(seat: number, counts: Uint32Array): number {
    return counts[seat]! / this.#table.servers[seat]!.weight
  }

  #best(seats: readonly number[], cost: (seat: number) => number): number | undefined {
    let best: number | undefined
    let lowest = Infinity
    for (const seat of seats) {
      const own = cost(seat)
      if (best !== undefined && own >= lowest) continue
      best = seat
      lowest = own
    }
    return best
  }
}

function put(column: Uint16Array, slot: number, seat: number, counts: Uint32Array): void {
  if (column[slot] !== NONE) counts[column[slot]!]!--
  if (seat !== NONE) counts[seat]!++
  column[slot] = seat
}
