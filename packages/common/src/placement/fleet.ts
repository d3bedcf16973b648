import { buildRing, type Leaders } from './ring.js'
import type { PlacementServer, RingSettings } from './types.js'

/**
 * Places of a slot's preference order that are looked at before "any server with room" will do: the fraction of slots
 * that would take a later place is small, and the whole order of 500 servers takes thousands of points a slot.
 */
const RANKED_PLACES = 8

/** What placement knows of the servers, by index. */
export interface Fleet {
  readonly size: number
  readonly weights: Float64Array
  /** Two servers of one group must not hold both copies of a slot. */
  readonly groups: Uint16Array
  readonly leaders: Leaders
}

export function buildFleet(servers: readonly PlacementServer[], settings: RingSettings): Fleet {
  return {
    size: servers.length,
    weights: Float64Array.from(servers, ({ weight }) => Math.max(0, weight)),
    groups: groupsOf(servers),
    leaders: buildRing(servers, settings).leaders(RANKED_PLACES),
  }
}

/** Whether the server exists and is to hold data. */
export function isActive(fleet: Fleet, server: number): boolean {
  return server < fleet.size && fleet.weights[server]! > 0
}

/** Whether these two active servers may hold the two copies of a slot. */
export function areApart(fleet: Fleet, a: number, b: number): boolean {
  return fleet.groups[a] !== fleet.groups[b]
}

/**
 * A zone is a group; a server that names no zone is a group of its own, since nothing is known against it. When all
 * the weight is in one zone, the rule falls away, and each server is a group of its own.
 */
function groupsOf(servers: readonly PlacementServer[]): Uint16Array {
  const byZone = new Map<string, number>()
  const groups = Uint16Array.from(servers, ({ zone }, index) => {
    if (zone === '') return index
    const group = byZone.get(zone) ?? index
    byZone.set(zone, group)
    return group
  })
  const active = new Set(groups.filter((_, index) => servers[index]!.weight > 0))
  return active.size > 1 ? groups : groups.map((_, index) => index)
}
