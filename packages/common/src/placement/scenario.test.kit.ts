import { Random } from '@icf/testkit/random'
import { SLOT_COUNT } from '../slot.js'
import { target } from './target.js'
import {
  NONE,
  type Columns,
  type Move,
  type MutableColumns,
  type PlacementServer,
  type RingSettings,
} from './types.js'

/** For tests: a cluster whose servers join, leave and die, and what each event cost. */

export const RING: RingSettings = { virtualNodes: 128, seed: 20_240_601 }

/** Other than the last run's, unless ICF_TEST_SEED repeats one. */
export const SEED = Number(process.env['ICF_TEST_SEED'] ?? Date.now() % 2 ** 31)

export function emptyColumns(slotCount = SLOT_COUNT): MutableColumns {
  return { primary: new Uint16Array(slotCount).fill(NONE), backup: new Uint16Array(slotCount).fill(NONE) }
}

export function countSlots(column: Readonly<Uint16Array>, size: number): number[] {
  const counts = new Array<number>(size).fill(0)
  for (const server of column) if (server !== NONE) counts[server]!++
  return counts
}

export function countWhere(isCounted: (slot: number) => boolean): number {
  let count = 0
  for (let slot = 0; slot < SLOT_COUNT; slot++) if (isCounted(slot)) count++
  return count
}

/** What an event cost, each as a multiple of what is unavoidable: the share of who joined, the slots of who went. */
export interface Cost {
  readonly primaries: number
  /** Promoted backups, and backups that were missing, aside. */
  readonly backups: number
}

export class Cluster {
  readonly random: Random
  servers: readonly PlacementServer[] = []
  columns: Columns

  constructor(
    seed: number,
    readonly slotCount = SLOT_COUNT,
  ) {
    this.columns = emptyColumns(slotCount)
    this.random = new Random(seed)
  }

  get size(): number {
    return this.servers.length
  }

  get totalWeight(): number {
    return this.servers.reduce((sum, { weight }) => sum + weight, 0)
  }

  newServer(weight = 1, zone = ''): PlacementServer {
    return { id: this.random.hex(40), weight, zone, machine: '' }
  }

  pick(): number {
    return this.random.integer(0, this.size)
  }

  target(): MutableColumns {
    return target({ servers: this.servers, ring: RING, current: this.columns })
  }

  /** All at once, on whatever is there. */
  start(servers: readonly PlacementServer[]): void {
    this.servers = servers
    this.columns = this.target()
  }

  join(server: PlacementServer = this.newServer()): Cost {
    this.servers = [...this.servers, server]
    const ideal = (this.slotCount * server.weight) / this.totalWeight
    const before = this.columns
    this.columns = this.target()
    return costOf(before, this.columns, ideal, ideal)
  }

  /** They hand off everything, then they are gone. */
  leave(...leaving: readonly number[]): Cost {
    const before = this.columns
    const primaries = countSlots(before.primary, this.size)
    const backups = countSlots(before.backup, this.size)
    this.servers = this.servers.map((server, index) =>
      leaving.includes(index) ? { ...server, weight: 0 } : server,
    )
    this.columns = this.target()
    const sum = (counts: readonly number[]): number =>
      leaving.reduce((total, index) => total + counts[index]!, 0)
    const cost = costOf(before, this.columns, sum(primaries), sum(backups))
    this.#remove(leaving)
    return cost
  }

  /** Promotes the backups, as a failover does, and leaves what is missing to `recover`. */
  die(dead: number): void {
    const { primary, backup } = this.columns
    const promoted = primary.map((server, slot) => (server === dead ? backup[slot]! : server))
    const left = backup.map((server, slot) => (server === dead || primary[slot] === dead ? NONE : server))
    this.columns = { primary: promoted, backup: left }
    this.#remove([dead])
  }

  recover(): Columns {
    const before = this.columns
    this.columns = this.target()
    return before
  }

  #remove(gone: readonly number[]): void {
    const seats = this.servers.map((_, index) => index).filter((index) => !gone.includes(index))
    const renumbered = new Map(seats.map((old, index) => [old, index]))
    const renumber = (server: number): number => renumbered.get(server) ?? NONE
    this.servers = seats.map((index) => this.servers[index]!)
    this.columns = { primary: this.columns.primary.map(renumber), backup: this.columns.backup.map(renumber) }
  }
}

/** What the reconciler and the cache servers make of a move. */
export function execute({ primary, backup }: MutableColumns, { slot, kind, to }: Move): void {
  const isSwap = kind === 'primary' && to === backup[slot]
  if (isSwap) backup[slot] = primary[slot]!
  if (kind === 'primary') primary[slot] = to
  else backup[slot] = to
}

function costOf(before: Columns, after: Columns, primaries: number, backups: number): Cost {
  const movedPrimaries = countWhere((slot) => before.primary[slot] !== after.primary[slot])
  const movedBackups = countWhere(
    (slot) =>
      before.backup[slot] !== NONE &&
      before.backup[slot] !== after.backup[slot] &&
      before.backup[slot] !== after.primary[slot],
  )
  return { primaries: movedPrimaries / primaries, backups: movedBackups / backups }
}
