import { SLOT_COUNT } from '../slot.js'
import { murmur3 } from './murmur3.js'
import { NONE, type PlacementServer, type RingSettings } from './types.js'

const CIRCLE = 2 ** 32
/** A server's label on the ring, `#` and the number of the point included, in bytes. */
const MAX_LABEL_BYTES = 1024
/** On the whole ring: more would keep the master from its heartbeats, and spread no better. */
const MAX_POINTS = 200_000
/** Points walked for each wanted place of a ranking; only extreme weights ever reach it. */
const WALK_LIMIT_FACTOR = 64

/**
 * The first few servers of every slot's order of preference. Neighbouring slots that see the same points share a row:
 * the server at `place` (0 is the first) is `ranked[row[slot] * depth + place]`, or NONE where the walk ended sooner.
 */
export interface Leaders {
  readonly depth: number
  readonly row: Uint32Array
  readonly ranked: Uint16Array
}

/** Virtual nodes of all servers on a 32-bit circle (Karger et al. 1997, "Consistent hashing and random trees"). */
export class Ring {
  /** Positions on the circle, ascending. */
  readonly #points: Uint32Array
  /** Index of the server that a point belongs to. */
  readonly #owners: Uint16Array
  readonly #serverCount: number
  readonly #slotCount: number
  /** Servers that have points. */
  readonly #distinct: number

  constructor(points: Uint32Array, owners: Uint16Array, serverCount: number, slotCount: number) {
    this.#points = points
    this.#owners = owners
    this.#serverCount = serverCount
    this.#slotCount = slotCount
    this.#distinct = new Set(owners).size
  }

  get pointCount(): number {
    return this.#points.length
  }

  /**
   * Every server that has weight, in the order in which one meets it walking clockwise from the slot's own point.
   * Taking a server off the ring leaves the order of the others as it is.
   */
  *preference(slot: number): Generator<number, void, undefined> {
    const seen = new Uint8Array(this.#serverCount)
    let left = this.#distinct
    for (let at = this.#firstAtOrAfter(slotPoint(slot, this.#slotCount)); left > 0; at = this.#next(at)) {
      const server = this.#owners[at]!
      if (seen[server] === 1) continue
      seen[server] = 1
      left--
      yield server
    }
  }

  /** The first `depth` servers of all slots' preferences at once. */
  leaders(depth: number): Leaders {
    const width = Math.min(depth, this.#distinct)
    const slotCount = this.#slotCount
    const row = new Uint32Array(slotCount)
    const ranked = new Uint16Array(Math.min(slotCount, this.#points.length + 1) * width).fill(NONE)
    const seenBy = new Uint32Array(this.#serverCount)
    let rows = 0
    let at = 0
    let rowStart = -1
    for (let slot = 0; slot < slotCount && width > 0; slot++) {
      while (at < this.#points.length && this.#points[at]! < slotPoint(slot, slotCount)) at++
      const start = at === this.#points.length ? 0 : at
      if (start !== rowStart) {
        rowStart = start
        this.#rank(start, ranked, rows * width, width, seenBy, ++rows)
      }
      row[slot] = rows - 1
    }
    return { depth: width, row, ranked }
  }

  /** Writes the first `width` distinct owners from point `start` on. `mark` is new in `seenBy` for every call. */
  #rank(
    start: number,
    into: Uint16Array,
    offset: number,
    width: number,
    seenBy: Uint32Array,
    mark: number,
  ): void {
    let place = 0
    let at = start
    for (let walked = width * WALK_LIMIT_FACTOR; walked > 0 && place < width; walked--) {
      const server = this.#owners[at]!
      if (seenBy[server] !== mark) {
        seenBy[server] = mark
        into[offset + place++] = server
      }
      at = this.#next(at)
    }
  }

  #next(at: number): number {
    return at + 1 === this.#points.length ? 0 : at + 1
  }

  #firstAtOrAfter(point: number): number {
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#points[middle]! < point) low = middle + 1
      else high = middle
    }
    return low === this.#points.length ? 0 : low
  }
}

/** Points that a server has on the ring. */
export function pointCount(weight: number, settings: RingSettings): number {
  return weight > 0 ? Math.max(1, Math.round(settings.virtualNodes * weight)) : 0
}

/** Fewer points for everybody where weights would make too many: only their proportions matter. */
function bounded(settings: RingSettings, servers: readonly PlacementServer[]): RingSettings {
  const total = servers.reduce((sum, { weight }) => sum + pointCount(weight, settings), 0)
  if (total <= MAX_POINTS) return settings
  return { ...settings, virtualNodes: (settings.virtualNodes * MAX_POINTS) / total }
}

/** Points with the same position are ordered by the ids of their servers, so that all agree on who comes first. */
export function buildRing(
  servers: readonly PlacementServer[],
  wanted: RingSettings,
  slotCount = SLOT_COUNT,
): Ring {
  const settings = bounded(wanted, servers)
  const byId = servers.map((_, index) => index).sort((a, b) => compareIds(servers[a]!.id, servers[b]!.id))
  const total = servers.reduce((sum, { weight }) => sum + pointCount(weight, settings), 0)
  const sortable = new Float64Array(total) // position, then the id's place among the ids: 32 + 16 bits
  let filled = 0
  byId.forEach((index, place) => {
    const { id, weight } = servers[index]!
    const label = new PointLabel(id)
    for (let n = pointCount(weight, settings), i = 0; i < n; i++)
      sortable[filled++] = label.hash(i, settings.seed) * 0x10000 + place
  })
  sortable.sort()
  const points = new Uint32Array(total)
  const owners = new Uint16Array(total)
  for (let i = 0; i < total; i++) {
    const position = Math.floor(sortable[i]! / 0x10000)
    points[i] = position
    owners[i] = byId[sortable[i]! - position * 0x10000]!
  }
  return new Ring(points, owners, servers.length, slotCount)
}

/** The bytes of `id#0`, `id#1`, … without a string for each. */
class PointLabel {
  readonly #bytes = new Uint8Array(MAX_LABEL_BYTES)
  readonly #prefixLength: number

  constructor(id: string) {
    const prefix = new TextEncoder().encode(`${id}#`)
    this.#bytes.set(prefix) // throws RangeError for an id far beyond the 40 characters that ids have
    this.#prefixLength = prefix.length
  }

  hash(n: number, seed: number): number {
    let length = this.#prefixLength
    for (let digits = n; (digits = Math.floor(digits / 10)) > 0;) length++
    length++
    for (let at = length - 1, digits = n; at >= this.#prefixLength; at--, digits = Math.floor(digits / 10))
      this.#bytes[at] = 0x30 + (digits % 10)
    return murmur3(this.#bytes, length, seed)
  }
}

/** Evenly spaced, so that neighbouring slots tend to have the same owner, and lists of slot ranges are short. */
function slotPoint(slot: number, slotCount: number): number {
  const width = CIRCLE / slotCount
  return slot * width + width / 2
}

/** By code units: the same order in every locale. */
function compareIds(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
