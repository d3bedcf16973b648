import { SLOT_COUNT } from '../slot.js'
import { Transitions, type ReadonlyTransitions } from './transitions.js'

/** In an assignment column: no server. */
export const NONE = 0xffff

/** A cache server as every participant sees it. `seat` is its index in the assignment's columns. */
export interface ServerInfo {
  /** 40 hex characters, new at every process start. */
  readonly id: string
  readonly host: string
  readonly port: number
  /** Port of the Redis face; 0 when it has none. */
  readonly respPort: number
  /** '' when none was given. */
  readonly zone: string
  /** Names what it dies with: a host with all processes on it. '' when nobody knows. */
  readonly machine: string
  /** Share of the data, relative to the others; 0 holds nothing. */
  readonly weight: number
  /** A leaving server is being emptied; it serves until its last slot is handed off. */
  readonly state: 'active' | 'leaving'
}

/** A master as every participant sees it: active or a standby, there or away for the time being. */
export interface MasterInfo {
  readonly id: string
  /** Where others reach it. */
  readonly host: string
  readonly port: number
  /** Port of its HTTP; 0 when it has none. */
  readonly httpPort: number
  /** Names what it dies with. '' when nobody knows. */
  readonly machine: string
}

export interface RingSettings {
  /** Points a server has on the ring, for each unit of weight. */
  readonly virtualNodes: number
  readonly seed: number
}

/**
 * Who is there and who owns what: immutable, totally ordered by (epoch, version). The version never restarts, also
 * not when the epoch grows.
 */
export interface Topology {
  /** Term of the active master that made it. */
  readonly epoch: number
  readonly version: number
  readonly ring: RingSettings
  /**
   * All that can become active while this one is in effect, by id; and others that are there. Empty: nobody knows. Whoever finds that
   * none of them runs knows that nobody is active.
   */
  readonly masters: readonly MasterInfo[]
  /** By seat; undefined where a seat is vacant. */
  readonly servers: readonly (ServerInfo | undefined)[]
  /** Slot → seat of the server that serves it. Both columns have an entry for each slot there is. */
  readonly primary: Readonly<Uint16Array>
  /** Slot → seat of the complete copy. */
  readonly backup: Readonly<Uint16Array>
  readonly transitions: ReadonlyTransitions
  /** Slot → id of the server that an operator pinned it to. */
  readonly pins: ReadonlyMap<number, string>
}

/**
 * What is known before there is any cluster.
 * @param slotCount a power of two from 2 to SLOT_COUNT; every topology that follows has as many. @throws RangeError
 */
export function emptyTopology(ring: RingSettings, slotCount = SLOT_COUNT): Topology {
  // Only powers of two divide SLOT_COUNT.
  if (!(slotCount >= 2) || SLOT_COUNT % slotCount !== 0)
    throw new RangeError(`the number of slots must be a power of two from 2 to ${SLOT_COUNT}`)
  return {
    epoch: 0,
    version: 0,
    ring,
    masters: [],
    servers: [],
    primary: new Uint16Array(slotCount).fill(NONE),
    backup: new Uint16Array(slotCount).fill(NONE),
    transitions: Transitions.none(),
    pins: new Map(),
  }
}

/** Negative, zero or positive as (epoch, version) a is older than, equal to or newer than b. */
export function compareVersions(aEpoch: number, aVersion: number, bEpoch: number, bVersion: number): number {
  return aEpoch - bEpoch || aVersion - bVersion
}

export function isNewer(a: Topology, b: Topology): boolean {
  return compareVersions(a.epoch, a.version, b.epoch, b.version) > 0
}

/** Seat of a server, or NONE. */
export function seatOf(topology: Topology, serverId: string): number {
  const seat = topology.servers.findIndex((server) => server?.id === serverId)
  return seat === -1 ? NONE : seat
}

/** The servers that are there, in the order of their seats. */
export function presentServers(topology: Pick<Topology, 'servers'>): ServerInfo[] {
  return topology.servers.filter((server) => server !== undefined)
}

export function isSameServer(a: ServerInfo | undefined, b: ServerInfo | undefined): boolean {
  if (a === b) return true
  if (!a || !b) return false
  return (Object.keys(a) as (keyof ServerInfo)[]).every((key) => a[key] === b[key])
}

export function sameMasters(a: readonly MasterInfo[], b: readonly MasterInfo[]): boolean {
  if (a === b) return true
  return a.length === b.length && a.every((master, n) => isSameMaster(master, b[n]!))
}

function isSameMaster(a: MasterInfo, b: MasterInfo): boolean {
  return (Object.keys(a) as (keyof MasterInfo)[]).every((key) => a[key] === b[key])
}

/**
 * Whether `next` is another one for clients, which look at nothing but who is there and who serves what. The master sends
 * them only such versions, and a cache server names the newest such: both go by this, so that no client waits in vain.
 */
export function concernsClients(base: Topology, next: Topology): boolean {
  if (base.epoch !== next.epoch || base.servers.length !== next.servers.length) return true
  if (!sameMasters(base.masters, next.masters)) return true
  if (base.servers !== next.servers)
    if (!base.servers.every((server, seat) => isSameServer(server, next.servers[seat]))) return true
  return !isSameColumn(base.primary, next.primary)
}

function isSameColumn(a: Readonly<Uint16Array>, b: Readonly<Uint16Array>): boolean {
  if (a !== b) for (let slot = 0; slot < a.length; slot++) if (a[slot] !== b[slot]) return false
  return true
}
