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

export function buildFleet(
  servers: readonly PlacementServer[],
  settings: RingSettings,
  slotCount: number,
): Fleet {
  return {
    size: servers.length,
    weights: Float64Array.from(servers, ({ weight }) => Math.max(0, weight)),
    groups: groupsOf(servers),
    leaders: buildRing(servers, settings, slotCount).leaders(RANKED_PLACES),
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

/** When one zone has more than this part of the weight, the others would carry more than twice their load for it. */
const LOPSIDED = 0.75

/**
 * What may fail at once is a group: a machine, or a zone where zones are named. A server of which neither is known is a
 * group of its own, since nothing is known against it. Machines are kept apart wherever there are two of them; zones
 * as long as none has nearly all the weight. With one group left, each server is one of its own.
 */
function groupsOf(servers: readonly PlacementServer[]): Uint16Array {
  const ownMachine = ({ machine }: PlacementServer, index: number): string =>
    machine === '' ? `server ${index}` : `machine ${machine}`
  const byZone = grouped(servers, (server, index) =>
    server.zone === '' ? ownMachine(server, index) : `zone ${server.zone}`,
  )
  if (largestPart(servers, byZone) <= LOPSIDED) return byZone
  const byMachine = grouped(servers, ownMachine)
  return largestPart(servers, byMachine) < 1 ? byMachine : byMachine.map((_, index) => index)
}

/** For each server the index of the first one with the same name. */
function grouped(
  servers: readonly PlacementServer[],
  nameOf: (server: PlacementServer, index: number) => string,
): Uint16Array {
  const byName = new Map<string, number>()
  return Uint16Array.from(servers, (server, index) => {
    const name = nameOf(server, index)
    const group = byName.get(name) ?? index
    byName.set(name, group)
    return group
  })
}

/** The part of all the weight that the heaviest group has; 1: there is only one. */
function largestPart(servers: readonly PlacementServer[], groups: Uint16Array): number {
  const weights = new Float64Array(servers.length)
  let total = 0
  servers.forEach(({ weight }, index) => {
    if (!(weight > 0)) return
    weights[groups[index]!]! += weight
    total += weight
  })
  const active = weights.filter((weight) => weight > 0)
  return active.length > 1 ? Math.max(...active) / total : 1
}
