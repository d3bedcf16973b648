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
 * What may fail at once is a group: a machine, or a zone where zones are named. A machine whose servers name several
 * zones makes one group of these. A server of which neither is known is a group of its own, since nothing is known
 * against it. Machines are kept apart wherever there are two of them; zones as long as none has nearly all the weight.
 * With one group left, each server is one of its own.
 */
function groupsOf(servers: readonly PlacementServer[]): Uint16Array {
  const byMachine = grouped(servers, ({ machine }) => machine)
  const byZone = grouped(servers, ({ zone }) => zone)
  const byBoth = merged(byMachine, byZone)
  if (largestPart(servers, byBoth) <= LOPSIDED) return byBoth
  if (largestPart(servers, byMachine) < 1) return byMachine
  if (largestPart(servers, byZone) <= LOPSIDED) return byZone
  return byZone.map((_, index) => index)
}

/** For each server the index of the first one with the same name; its own when it has none. */
function grouped(
  servers: readonly PlacementServer[],
  nameOf: (server: PlacementServer) => string,
): Uint16Array {
  const byName = new Map<string, number>()
  return Uint16Array.from(servers, (server, index) => {
    const name = nameOf(server)
    const group = byName.get(name) ?? index
    if (name !== '') byName.set(name, group)
    return group
  })
}

/** Servers that are in one group of either are in one group of the result (union-find, Galler and Fischer 1964). */
function merged(a: Uint16Array, b: Uint16Array): Uint16Array {
  const parents = a.slice()
  const root = (server: number): number => {
    let at = server
    while (parents[at] !== at) at = parents[at]!
    return at
  }
  b.forEach((group, server) => {
    const [one, other] = [root(group), root(server)]
    parents[Math.max(one, other)] = Math.min(one, other)
  })
  return parents.map((_, server) => root(server))
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
