import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { SLOT_COUNT } from '../slot.js'
import {
  compareVersions,
  isSameServer,
  NONE,
  type ServerInfo,
  type Topology,
  type Transition,
} from './topology.js'

/**
 * The wire form of a topology: whole, or as the difference from another one. Both are positional arrays. Columns
 * travel as little-endian bytes, together 64 KiB for 16384 slots; a difference lists the seats that changed, and runs of
 * slots that changed alike.
 */
type WireServer = [string, string, number, number, string, number, 0 | 1, string] | null
const FULL = 0
const DIFFERENCE = 1

export function encodeTopology(topology: Topology): unknown[] {
  return [
    FULL,
    topology.epoch,
    topology.version,
    [topology.ring.virtualNodes, topology.ring.seed],
    topology.servers.map(encodeServer),
    columnBytes(topology.primary),
    columnBytes(topology.backup),
    [...topology.transitions].flatMap(([slot, t]) => [slot, t.to, t.intent === 'primary' ? 1 : 0, t.since]),
    [...topology.pins].flat(),
  ]
}

/** What turns `base` into `next`; the whole of `next` where no difference can say it: of another ring, or with fewer seats. */
export function encodeDifference(base: Topology, next: Topology): unknown[] {
  const isOtherRing =
    base.ring !== next.ring &&
    (base.ring.seed !== next.ring.seed || base.ring.virtualNodes !== next.ring.virtualNodes)
  if (isOtherRing || next.servers.length < base.servers.length) return encodeTopology(next)
  const runs: unknown[] = []
  let runStart = -1
  const slotCount = next.primary.length
  for (let slot = 0; slot <= slotCount; slot++) {
    const changed = slot < slotCount && !isSameSlot(base, next, slot)
    if (runStart >= 0 && (!changed || !alike(next, runStart, slot))) {
      const transition = next.transitions.get(runStart)
      runs.push(runStart, slot - runStart, next.primary[runStart], next.backup[runStart])
      runs.push(
        transition ? transition.to : NONE,
        transition?.intent === 'primary' ? 1 : 0,
        transition?.since ?? 0,
      )
      runStart = -1
    }
    if (changed && runStart < 0) runStart = slot
  }
  return [
    DIFFERENCE,
    next.epoch,
    next.version,
    base.epoch,
    base.version,
    encodeChangedSeats(base.servers, next.servers),
    runs,
    base.pins === next.pins ? null : [...next.pins].flat(),
  ]
}

/**
 * Reads a topology from the wire.
 * @param slotCount that it must have
 * @returns undefined when it is a difference from a topology that `base` is not: ask for the whole.
 * @throws IcfError PROTOCOL when it is malformed
 */
export function decodeTopology(
  wire: unknown,
  base: Topology | undefined,
  slotCount = base?.primary.length ?? SLOT_COUNT,
): Topology | undefined {
  const fields = asArray(wire, 'topology')
  const [form, epoch, version] = [fields[0], asCount(fields[1], 'epoch'), asCount(fields[2], 'version')]
  if (form === FULL) return withoutVacant(decodeFull(fields, epoch, version, slotCount))
  if (form !== DIFFERENCE) throw malformed('form')
  const [baseEpoch, baseVersion] = [asCount(fields[3], 'base epoch'), asCount(fields[4], 'base version')]
  if (!base || compareVersions(base.epoch, base.version, baseEpoch, baseVersion) !== 0) return undefined
  return withoutVacant(applyDifference(fields, epoch, version, base))
}

/** The topology, in which every seat that has, or gets, a slot has a server. */
function withoutVacant(topology: Topology): Topology {
  const { servers, primary, backup, transitions } = topology
  const isVacant = (seat: number): boolean => seat !== NONE && servers[seat] === undefined
  for (let slot = 0; slot < primary.length; slot++)
    if (isVacant(primary[slot]!) || isVacant(backup[slot]!)) throw malformed('a slot of a vacant seat')
  for (const { to } of transitions.values()) if (isVacant(to)) throw malformed('a copy for a vacant seat')
  return topology
}

function decodeFull(fields: readonly unknown[], epoch: number, version: number, slotCount: number): Topology {
  const ring = asArray(fields[3], 'ring')
  const servers = decodeServers(fields[4])
  const transitions = new Map<number, Transition>()
  const flat = asArray(fields[7], 'transitions')
  for (let i = 0; i + 3 < flat.length; i += 4)
    transitions.set(
      asSlot(flat[i], slotCount),
      decodeTransition(flat[i + 1], flat[i + 2], flat[i + 3], servers.length),
    )
  return {
    epoch,
    version,
    ring: { virtualNodes: asCount(ring[0], 'virtual nodes'), seed: asCount(ring[1], 'seed') },
    servers,
    primary: decodeColumn(fields[5], servers.length, slotCount),
    backup: decodeColumn(fields[6], servers.length, slotCount),
    transitions,
    pins: decodePins(fields[8], slotCount),
  }
}

function applyDifference(
  fields: readonly unknown[],
  epoch: number,
  version: number,
  base: Topology,
): Topology {
  const servers = decodeChangedSeats(fields[5], base.servers)
  const primary = base.primary.slice()
  const backup = base.backup.slice()
  const transitions = new Map(base.transitions)
  const runs = asArray(fields[6], 'runs')
  const slotCount = primary.length
  for (let i = 0; i + 6 < runs.length; i += 7) {
    const start = asSlot(runs[i], slotCount)
    const end = start + asCount(runs[i + 1], 'run')
    if (end > slotCount) throw malformed('run')
    const [p, b, to] = [runs[i + 2], runs[i + 3], runs[i + 4]].map((seat) => asSeat(seat, servers.length))
    const transition =
      to === NONE ? undefined : decodeTransition(to, runs[i + 5], runs[i + 6], servers.length)
    primary.fill(p!, start, end)
    backup.fill(b!, start, end)
    for (let slot = start; slot < end; slot++)
      if (transition) transitions.set(slot, transition)
      else transitions.delete(slot)
  }
  const pins = fields[7] === null ? base.pins : decodePins(fields[7], slotCount)
  return { epoch, version, ring: base.ring, servers, primary, backup, transitions, pins }
}

/** Whether a slot has the same owners, by seat, and the same transition in both. */
export function isSameSlot(a: Topology, b: Topology, slot: number): boolean {
  return (
    a.primary[slot] === b.primary[slot] &&
    a.backup[slot] === b.backup[slot] &&
    sameTransition(a.transitions.get(slot), b.transitions.get(slot))
  )
}

function alike(topology: Topology, a: number, b: number): boolean {
  return (
    topology.primary[a] === topology.primary[b] &&
    topology.backup[a] === topology.backup[b] &&
    sameTransition(topology.transitions.get(a), topology.transitions.get(b))
  )
}

export function sameTransition(a: Transition | undefined, b: Transition | undefined): boolean {
  return (
    a === b ||
    (a !== undefined && b !== undefined && a.to === b.to && a.intent === b.intent && a.since === b.since)
  )
}

function encodeServer(server: ServerInfo | undefined): WireServer {
  if (!server) return null
  const { id, host, port, respPort, zone, weight, state, machine } = server
  return [id, host, port, respPort, zone, weight, state === 'leaving' ? 1 : 0, machine]
}

/** @returns flat seat, server; null when no seat changed */
function encodeChangedSeats(base: Topology['servers'], next: Topology['servers']): unknown[] | null {
  const flat: unknown[] = []
  next.forEach((server, seat) => {
    if (seat >= base.length || !isSameServer(base[seat], server)) flat.push(seat, encodeServer(server))
  })
  return flat.length > 0 ? flat : null
}

/** Seats that did not change keep their identity. */
function decodeChangedSeats(wire: unknown, base: Topology['servers']): Topology['servers'] {
  if (wire === null) return base
  const flat = asArray(wire, 'servers')
  const servers = [...base]
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const seat = asCount(flat[i], 'seat')
    // Seats are added at the end: between those that there were and a new one is no gap.
    if (seat > servers.length || seat >= limits.maxServers) throw malformed('seat')
    servers[seat] = decodeServer(flat[i + 1])
  }
  return withoutTwins(servers)
}

function decodeServers(wire: unknown): (ServerInfo | undefined)[] {
  const list = asArray(wire, 'servers')
  if (list.length > limits.maxServers) throw malformed('servers')
  return withoutTwins(list.map(decodeServer))
}

function withoutTwins<T extends Topology['servers']>(servers: T): T {
  const ids = new Set<string>()
  for (const server of servers) {
    if (!server) continue
    if (ids.has(server.id)) throw malformed('a server with two seats')
    ids.add(server.id)
  }
  return servers
}

function decodeServer(wire: unknown): ServerInfo | undefined {
  if (wire === null) return undefined
  // Earlier releases name no machine.
  const [id, host, port, respPort, zone, weight, leaving, machine = ''] = asArray(wire, 'server')
  if (![id, host, zone, machine].every((text) => typeof text === 'string')) throw malformed('server')
  if (typeof weight !== 'number' || !(weight >= 0 && weight < Infinity)) throw malformed('weight')
  return {
    id: id as string,
    host: host as string,
    port: asCount(port, 'port'),
    respPort: asCount(respPort, 'port'),
    zone: zone as string,
    machine: machine as string,
    weight,
    state: leaving === 1 ? 'leaving' : 'active',
  }
}

function decodePins(wire: unknown, slotCount: number): Map<number, string> {
  const flat = asArray(wire, 'pins')
  const pins = new Map<number, string>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const id = flat[i + 1]
    if (typeof id !== 'string') throw malformed('pins')
    pins.set(asSlot(flat[i], slotCount), id)
  }
  return pins
}

function decodeTransition(to: unknown, intent: unknown, since: unknown, serverCount: number): Transition {
  const seat = asSeat(to, serverCount)
  if (seat === NONE) throw malformed('transition')
  return { to: seat, intent: intent === 1 ? 'primary' : 'backup', since: asCount(since, 'since') }
}

function columnBytes(column: Readonly<Uint16Array>): Uint8Array {
  const bytes = new Uint8Array(column.length * 2)
  for (let slot = 0; slot < column.length; slot++) {
    bytes[slot * 2] = column[slot]! & 0xff
    bytes[slot * 2 + 1] = column[slot]! >> 8
  }
  return bytes
}

function decodeColumn(wire: unknown, serverCount: number, slotCount: number): Uint16Array {
  if (!(wire instanceof Uint8Array) || wire.length !== slotCount * 2) throw malformed('column')
  const column = new Uint16Array(slotCount)
  for (let slot = 0; slot < slotCount; slot++)
    column[slot] = asSeat(wire[slot * 2]! | (wire[slot * 2 + 1]! << 8), serverCount)
  return column
}

function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(what)
  return value as readonly unknown[]
}

function asCount(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(what)
  return value as number
}

function asSlot(value: unknown, slotCount: number): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= slotCount)
    throw malformed('slot')
  return value as number
}

function asSeat(value: unknown, serverCount: number): number {
  if (value === NONE) return NONE
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= serverCount)
    throw malformed('seat')
  return value as number
}

function malformed(what: string): IcfError {
  return new IcfError('PROTOCOL', `malformed topology: ${what}`)
}
