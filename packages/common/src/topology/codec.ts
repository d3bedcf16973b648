import { limits } from '../limits.js'
import { SLOT_COUNT } from '../slot.js'
import { asArray, asCount, asSeat, asSlot, asText, contradiction, malformed, withoutTwins } from './checks.js'
import {
  applyColumnChanges,
  applyTransitionChanges,
  decodeTransition,
  encodeColumnChanges,
  encodeTransitionChanges,
  transitionFields,
} from './difference.js'
import { decodeMasters, encodeMasters } from './masters.js'
import {
  compareVersions,
  isSameServer,
  NONE,
  sameMasters,
  type ServerInfo,
  type Topology,
} from './topology.js'
import { Transitions, type ReadonlyTransitions, type Transition } from './transitions.js'

/**
 * The wire form of a topology: whole, or as the difference from another one. Both are positional arrays. Columns
 * travel as little-endian bytes, together 64 KiB for 16384 slots; a difference lists the seats that changed, and of each
 * column, and of the transitions, runs of slots that changed alike.
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
    encodeTransitions(topology.transitions),
    [...topology.pins].flat(),
    encodeMasters(topology.masters),
  ]
}

/** What turns `base` into `next`; the whole of `next` where no difference can say it: of another ring, or with fewer seats. */
export function encodeDifference(base: Topology, next: Topology): unknown[] {
  return differenceWith(base, next, () => encodeTransitionChanges(base.transitions, next.transitions))
}

/**
 * As `encodeDifference`, for those who look at no transitions, which are most of what changes while slots move: who applies
 * it has a topology without any.
 */
export function encodeDifferenceForClients(base: Topology, next: Topology): unknown[] {
  return differenceWith(base, next, () => null)
}

function differenceWith(base: Topology, next: Topology, transitions: () => unknown[] | null): unknown[] {
  const isOtherRing =
    base.ring !== next.ring &&
    (base.ring.seed !== next.ring.seed || base.ring.virtualNodes !== next.ring.virtualNodes)
  if (isOtherRing || next.servers.length < base.servers.length) return encodeTopology(next)
  return [
    DIFFERENCE,
    next.epoch,
    next.version,
    base.epoch,
    base.version,
    encodeChangedSeats(base.servers, next.servers),
    encodeColumnChanges(base.primary, next.primary),
    encodeColumnChanges(base.backup, next.backup),
    transitions(),
    base.pins === next.pins ? null : [...next.pins].flat(),
    sameMasters(base.masters, next.masters) ? null : encodeMasters(next.masters),
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
  const fields = asArray(wire, 'wire form')
  const [form, epoch, version] = [fields[0], asCount(fields[1], 'epoch'), asCount(fields[2], 'version')]
  if (form === FULL) return consistent(decodeFull(fields, epoch, version, slotCount))
  if (form !== DIFFERENCE)
    throw malformed('form', `${FULL} for the whole or ${DIFFERENCE} for a difference`, form)
  const [baseEpoch, baseVersion] = [asCount(fields[3], 'base epoch'), asCount(fields[4], 'base version')]
  if (!base || compareVersions(base.epoch, base.version, baseEpoch, baseVersion) !== 0) return undefined
  const topology = applyDifference(fields, epoch, version, base)
  return consistent(topology, topology.servers === base.servers && version >= base.version ? base : undefined)
}

/**
 * The topology, in which every seat that has, or gets, a slot has a server, and no copy began in a version to come.
 * @param base an older one, with the same servers, of which that is known
 */
function consistent(topology: Topology, base?: Topology): Topology {
  const { servers, primary, backup, transitions, version } = topology
  for (const column of [primary, backup]) {
    if (column === base?.primary || column === base?.backup) continue
    const slot = slotOfVacantSeat(column, servers)
    if (slot !== undefined)
      throw contradiction(`a slot of a vacant seat: slot ${slot}, seats ${primary[slot]} and ${backup[slot]}`)
  }
  let last: Transition | undefined
  transitions.forEach((transition, slot) => {
    // Slots that changed alike share one.
    if (transition === last) return
    last = transition
    const { to, since } = transition
    if (!servers[to]) throw contradiction(`a copy for a vacant seat: slot ${slot}, seat ${to}`)
    // Its receiver would refuse it, and its sender begin it again, without end.
    if (since > version)
      throw contradiction(`a copy since a later version than its own, ${version}: slot ${slot}, ${since}`)
  }, base?.transitions)
  return topology
}

function slotOfVacantSeat(column: Readonly<Uint16Array>, servers: Topology['servers']): number | undefined {
  const isTaken = Uint8Array.from(servers, (server) => (server ? 1 : 0))
  for (let slot = 0; slot < column.length; slot++) {
    const seat = column[slot]!
    if (seat !== NONE && isTaken[seat] !== 1) return slot
  }
  return undefined
}

function decodeFull(fields: readonly unknown[], epoch: number, version: number, slotCount: number): Topology {
  const ring = asArray(fields[3], 'ring')
  const servers = decodeServers(fields[4])
  const transitions = Transitions.none()
  const flat = asArray(fields[7], 'transitions')
  for (let i = 0; i + 3 < flat.length; i += 4)
    transitions.set(
      asSlot(flat[i], 'transition', slotCount),
      decodeTransition(flat[i + 1], flat[i + 2], flat[i + 3], servers.length),
    )
  return {
    epoch,
    version,
    ring: { virtualNodes: asCount(ring[0], 'virtual nodes'), seed: asCount(ring[1], 'ring seed') },
    // Earlier releases name none.
    masters: fields[9] === undefined ? [] : decodeMasters(fields[9]),
    servers,
    primary: decodeColumn(fields[5], 'primary', servers.length, slotCount),
    backup: decodeColumn(fields[6], 'backup', servers.length, slotCount),
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
  const [seats, slots] = [servers.length, base.primary.length]
  return {
    epoch,
    version,
    ring: base.ring,
    masters: fields[10] === undefined || fields[10] === null ? base.masters : decodeMasters(fields[10]),
    servers,
    primary: applyColumnChanges(base.primary, fields[6], 'primary', seats),
    backup: applyColumnChanges(base.backup, fields[7], 'backup', seats),
    transitions:
      fields[8] === null
        ? Transitions.none()
        : applyTransitionChanges(base.transitions, fields[8], seats, slots),
    pins: fields[9] === null ? base.pins : decodePins(fields[9], slots),
  }
}

/** Flat: slot, receiver, intent, since. */
function encodeTransitions(transitions: ReadonlyTransitions): number[] {
  const flat: number[] = []
  transitions.forEach((transition, slot) => flat.push(slot, ...transitionFields(transition)))
  return flat
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
  const flat = asArray(wire, 'changed seats')
  const servers = [...base]
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const seat = asCount(flat[i], 'changed seat')
    // Seats are added at the end: between those that there were and a new one is no gap.
    const last = Math.min(servers.length, limits.maxServers - 1)
    if (seat > last) throw malformed('changed seat', `at most ${last}`, seat)
    servers[seat] = decodeServer(flat[i + 1])
  }
  return withoutTwins(servers)
}

function decodeServers(wire: unknown): (ServerInfo | undefined)[] {
  const list = asArray(wire, 'servers')
  if (list.length > limits.maxServers)
    throw malformed('servers', `an array of at most ${limits.maxServers}`, list)
  return withoutTwins(list.map(decodeServer))
}

function decodeServer(wire: unknown): ServerInfo | undefined {
  if (wire === null) return undefined
  // Earlier releases name no machine.
  const [id, host, port, respPort, zone, weight, leaving, machine = ''] = asArray(wire, 'server')
  if (typeof weight !== 'number' || !(weight >= 0 && weight < Infinity))
    throw malformed('weight of a server', 'a number from 0 on', weight)
  return {
    id: asText(id, 'id of a server'),
    host: asText(host, 'host of a server'),
    port: asCount(port, 'port of a server'),
    respPort: asCount(respPort, 'RESP port of a server'),
    zone: asText(zone, 'zone of a server'),
    machine: asText(machine, 'machine of a server'),
    weight,
    state: leaving === 1 ? 'leaving' : 'active',
  }
}

function decodePins(wire: unknown, slotCount: number): Map<number, string> {
  const flat = asArray(wire, 'pins')
  const pins = new Map<number, string>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    pins.set(asSlot(flat[i], 'pin', slotCount), asText(flat[i + 1], 'server of a pin'))
  }
  return pins
}

function columnBytes(column: Readonly<Uint16Array>): Uint8Array {
  const bytes = new Uint8Array(column.length * 2)
  for (let slot = 0; slot < column.length; slot++) {
    bytes[slot * 2] = column[slot]! & 0xff
    bytes[slot * 2 + 1] = column[slot]! >> 8
  }
  return bytes
}

function decodeColumn(
  wire: unknown,
  what: 'primary' | 'backup',
  serverCount: number,
  slotCount: number,
): Uint16Array {
  if (!(wire instanceof Uint8Array) || wire.length !== slotCount * 2)
    throw malformed(`${what} column`, `${slotCount * 2} bytes, two for each slot`, wire)
  const column = new Uint16Array(slotCount)
  for (let slot = 0; slot < slotCount; slot++)
    column[slot] = asSeat(wire[slot * 2]! | (wire[slot * 2 + 1]! << 8), what, serverCount)
  return column
}
