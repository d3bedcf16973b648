import { NONE, type Columns, type ServerInfo } from '@icf/common'
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
    if (present !== NONE && this.#cuts.areCut(present, primary[slot]!))
      put(primary, slot, this.#primaryFor(slot, present), this.#primaries)
    const owner = primary[slot]!
    const fits = (seat: number): boolean =>
      seat !== owner && !this.#cuts.areCut(owner, seat) && !this.#cuts.areCut(present, seat)
    if (backup[slot] !== NONE && !fits(backup[slot]!))
      put(backup, slot, this.#backupFor(slot, owner, fits), this.#backups)
  }

  /** The present one, if it may; else whoever it reaches. */
  #primaryFor(slot: number, present: number): number {
    if (this.#seats.includes(present)) return present
    const backup = this.#table.backup[slot]!
    const reached = this.#seats.filter((seat) => !this.#cuts.areCut(present, seat))
    if (reached.includes(backup)) return backup
    return this.#best(reached, (seat) => this.#fill(seat, this.#primaries)) ?? present
  }

  #backupFor(slot: number, owner: number, fits: (seat: number) => boolean): number {
    const { servers, backup } = this.#table
    const isAlike = (name: string, other: string): boolean => name !== '' && name === other
    const cost = (seat: number): number => {
      const [own, other] = [servers[owner]!, servers[seat]!]
      if (isAlike(own.machine, other.machine)) return Infinity
      // A copy that is there already costs nothing; then the emptiest will do, in another zone rather than in this one.
      if (seat === backup[slot]) return -1
      return this.#fill(seat, this.#backups) + (isAlike(own.zone, other.zone) ? this.#table.backup.length : 0)
    }
    return this.#best(this.#seats.filter(fits), cost) ?? NONE
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
