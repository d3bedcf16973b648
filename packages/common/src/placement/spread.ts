import type { Fleet } from './fleet.js'

const SCALINGS = 100

/** How many backups of each server's primaries each other server ought to hold. */
export interface Spread {
  /** Slots, fractional, with their primary on the one and their backup on the other; 0 where that is not allowed. */
  expected(primary: number, backup: number): number
}

/**
 * The backups of one server's primaries go to all the others in proportion to their weights, as far as these have
 * room: an outer product x·y over the allowed pairs, scaled until rows sum up to the primaries and columns to the
 * backups (Deming and Stephan 1940; Sinkhorn and Knopp 1967). With equal weights and no zones that is
 * primaries / (n−1) for each pair.
 */
export function evenSpread({ groups }: Fleet, primaries: Float64Array, backups: Float64Array): Spread {
  const x = Float64Array.from(primaries)
  const y = Float64Array.from(backups)
  const sums = new Float64Array(groups.length) // by group
  for (let i = 0; i < SCALINGS; i++) {
    scale(y, backups, x, groups, sums)
    scale(x, primaries, y, groups, sums)
  }
  return {
    expected: (primary, backup) => (groups[primary] === groups[backup] ? 0 : x[primary]! * y[backup]!),
  }
}

/** Sets `into` so that its products with all of `other` outside its own group sum up to `wanted`. */
function scale(
  into: Float64Array,
  wanted: Float64Array,
  other: Float64Array,
  groups: Uint16Array,
  sums: Float64Array,
) {
  let total = 0
  sums.fill(0)
  for (let i = 0; i < other.length; i++) {
    total += other[i]!
    sums[groups[i]!]! += other[i]!
  }
  for (let i = 0; i < into.length; i++) {
    const reach = total - sums[groups[i]!]!
    into[i] = wanted[i]! > 0 && reach > total * Number.EPSILON * 64 ? wanted[i]! / reach : 0
  }
}

/**
 * Backups that each server ought to hold: in proportion to weight, unless one group's primaries and its share of
 * backups together exceed all slots. Then the backups of its primaries fill all others beyond their share, evenly, and
 * it holds only the backups of theirs.
 */
export function backupShares({ size, weights, groups }: Fleet, primaries: Float64Array): Float64Array {
  const total = primaries.reduce((sum, count) => sum + count, 0)
  const totalWeight = weights.reduce((sum, weight) => sum + weight, 0)
  const shares = weights.map((weight) => (totalWeight > 0 ? (total * weight) / totalWeight : 0))
  const held = new Float64Array(size)
  const share = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    held[groups[i]!]! += primaries[i]!
    share[groups[i]!]! += shares[i]!
  }
  const worst = held.reduce((at, count, i) => (count + share[i]! > held[at]! + share[at]! ? i : at), 0)
  if (size === 0 || held[worst]! + share[worst]! <= total) return shares
  const inside = (total - held[worst]!) / share[worst]!
  const outside = share[worst]! < total ? held[worst]! / (total - share[worst]!) : 0
  return shares.map((slots, i) => slots * (groups[i] === worst ? inside : outside))
}
