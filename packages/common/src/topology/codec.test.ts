import { serverInfo, transitionsOf } from '@icf/testkit/topologies'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '../limits.js'
import { SLOT_COUNT } from '../slot.js'
import { decodeTopology, encodeDifference, encodeDifferenceForClients, encodeTopology } from './codec.js'
import { emptyTopology, NONE, type MasterInfo, type ServerInfo, type Topology } from './topology.js'
import { Transitions, type Transition } from './transitions.js'

const ring = { virtualNodes: 160, seed: 1 }

function server(seat: number, leaving = false): ServerInfo {
  const place = { host: '10.0.0.1', port: 7100 + seat, zone: 'z', machine: 'm' }
  const state = leaving ? 'leaving' : 'active'
  return serverInfo(String(seat).padStart(40, '0'), { ...place, weight: 1.5, state })
}

function master(id: string, other: Partial<MasterInfo> = {}): MasterInfo {
  return { id, host: '10.0.0.9', port: 7000, httpPort: 7080, machine: 'm', ...other }
}

/** What a cluster has, and what tests may give one. */
const SLOT_COUNTS = [SLOT_COUNT, 64, 16]

/** Of the first topology of a test; the others follow it. */
const FIRST_VERSION = 3

/** Topologies that differ in a few runs of slots, like those that follow each other in a cluster. */
const change = fc.record({
  start: fc.nat(SLOT_COUNT - 1).chain((slot) => fc.constantFrom(slot, slot % 16)),
  length: fc.integer({ min: 1, max: 3000 }).chain((length) => fc.constantFrom(length, length % 16)),
  primary: fc.constantFrom(0, 1, 2, NONE),
  backup: fc.constantFrom(0, 1, 2, NONE),
  transition: fc.option(
    fc.record(
      {
        to: fc.nat(2),
        intent: fc.constantFrom('backup' as const, 'primary' as const),
        since: fc.nat(FIRST_VERSION),
      },
      { noNullPrototype: true },
    ),
    { nil: undefined },
  ),
})

function changed(
  base: Topology,
  changes: readonly {
    start: number
    length: number
    primary: number
    backup: number
    transition?: Transition | undefined
  }[],
  version: number,
): Topology {
  const primary = base.primary.slice()
  const backup = base.backup.slice()
  const transitions = base.transitions.copy()
  for (const { start, length, primary: p, backup: b, transition } of changes)
    for (let slot = start; slot < Math.min(start + length, base.primary.length); slot++) {
      primary[slot] = p
      backup[slot] = b
      if (transition) transitions.set(slot, transition)
      else transitions.delete(slot)
    }
  return {
    ...base,
    epoch: 1,
    version,
    primary,
    backup,
    transitions,
    servers: [server(0), undefined, server(2, true)],
    pins: new Map([[5, 'x']]),
  }
}

describe('a topology on the wire', () => {
  for (const slotCount of SLOT_COUNTS) {
    const nothing = emptyTopology(ring, slotCount)

    it(`comes back whole with its ${slotCount} slots`, () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
          const topology = {
            ...changed(nothing, changes, FIRST_VERSION),
            servers: [server(0), server(1), server(2)],
            masters: [master('a'), master('b', { httpPort: 0, machine: '' })],
          }
          assert.deepEqual(decodeTopology(encodeTopology(topology), nothing), topology)
          assert.deepEqual(decodeTopology(encodeTopology(topology), undefined, slotCount), topology)
        }),
        { numRuns: 40 },
      )
    })

    it(`comes back from a difference of its ${slotCount} slots`, () => {
      const all = [server(0), server(1), server(2)]
      fc.assert(
        fc.property(
          fc.array(change, { maxLength: 6 }),
          fc.array(change, { maxLength: 6 }),
          fc.boolean(),
          (before, after, sameServers) => {
            const base = { ...changed(nothing, before, FIRST_VERSION), servers: all }
            const next = {
              ...changed(base, after, FIRST_VERSION + 1),
              servers: sameServers ? all : [server(0), server(1), server(2, true)],
            }
            assert.deepEqual(decodeTopology(encodeDifference(base, next), base), next)
            const forClients = decodeTopology(encodeDifferenceForClients(base, next), base)
            assert.deepEqual(forClients, { ...next, transitions: Transitions.none() })
          },
        ),
        { numRuns: 40 },
      )
    })
  }

  it('is refused when it has another number of slots than is known', () => {
    const of = (slotCount: number): Topology => ({
      ...emptyTopology(ring, slotCount),
      servers: [server(0)],
    })
    for (const [own, known] of [
      [16, 64],
      [64, 16],
      [16, SLOT_COUNT],
      [SLOT_COUNT, 16],
    ] as const) {
      assert.throws(() => decodeTopology(encodeTopology(of(own)), of(known)), { code: 'PROTOCOL' })
      assert.throws(() => decodeTopology(encodeTopology(of(own)), undefined, known), { code: 'PROTOCOL' })
    }
    assert.throws(() => decodeTopology(encodeTopology(of(16)), undefined), { code: 'PROTOCOL' })
    const wire = encodeTopology(of(16))
    for (const [field, value] of [
      [6, new Uint8Array(64 * 2).fill(0xff)],
      [7, [16, 0, 0, 0]],
      [8, [16, 'x']],
    ] as const)
      assert.throws(() => decodeTopology(wire.with(field, value), of(16)), { code: 'PROTOCOL' })
    const known = of(16)
    const difference = encodeDifference(known, { ...known, primary: new Uint16Array(16) })
    assert.deepEqual(decodeTopology(difference, known)?.primary, new Uint16Array(16))
  })

  it('is refused as a difference with a run that is empty, cut off, or goes beyond the last slot', () => {
    const base = { ...emptyTopology(ring, 16), servers: [server(0)] }
    const difference = encodeDifference(base, { ...base, version: 1 })
    for (const [field, value] of [
      [6, [0]],
      [7, [NONE]],
      [8, [0, 0, 0]],
    ] as const) {
      const decode = (...runs: readonly number[]): unknown =>
        decodeTopology(difference.with(field, runs), base)
      decode(0, 1, ...value, 14, 1, ...value)
      for (const [gap, count] of [
        [0, 17],
        [16, 1],
        [Number.MAX_SAFE_INTEGER, 1],
        [0, 0],
        [-1, 1],
        [0, -1],
      ] as const)
        assert.throws(() => decode(gap, count, ...value), { code: 'PROTOCOL' })
      assert.throws(() => decode(0, 1, ...value, 15, 1, ...value), { code: 'PROTOCOL' })
      assert.throws(() => decode(0, 1, ...value.slice(1)), { code: 'PROTOCOL' })
      assert.throws(() => decode(0), { code: 'PROTOCOL' })
    }
  })

  it('asks for the whole when it does not have the base', () => {
    const base = { ...emptyTopology(ring), epoch: 1, version: 3 }
    const difference = encodeDifference(base, { ...base, version: 4 })
    assert.equal(decodeTopology(difference, undefined), undefined)
    assert.equal(decodeTopology(difference, { ...base, version: 2 }), undefined)
  })

  it('stays small when little changes', () => {
    const base = { ...emptyTopology(ring), servers: [server(0), server(1), server(2)] }
    const next = changed(base, [{ start: 100, length: 50, primary: 2, backup: 0 }], 1)
    const [primary, backup, transitions] = encodeDifference(base, next).slice(6)
    assert.deepEqual([primary, backup, transitions], [[100, 50, 2], [100, 50, 0], []])
  })

  it('names in a difference the seats that changed, and no others', () => {
    const seats: (ServerInfo | undefined)[] = Array.from({ length: 500 }, (_, seat) => server(seat))
    const base = { ...emptyTopology(ring), servers: seats }
    const servers = seats.with(7, undefined).with(9, server(9, true)).concat(server(500))
    const next = { ...base, version: 1, servers }
    const difference = encodeDifference(base, next)
    assert.deepEqual(
      (difference[5] as unknown[]).filter((_, at) => at % 2 === 0),
      [7, 9, 500],
    )
    const decoded = decodeTopology(difference, base)!
    assert.deepEqual(decoded, next)
    assert.equal(decoded.servers[8], base.servers[8])
    const same = { ...next, version: 2, servers: next.servers.map((info) => info && { ...info }) }
    assert.equal(encodeDifference(next, same)[5], null)
  })

  it('is sent whole when it has fewer seats than the one before', () => {
    const base = { ...emptyTopology(ring), servers: [server(0), server(1)] }
    const next = { ...base, version: 1, servers: [server(0)] }
    assert.deepEqual(decodeTopology(encodeDifference(base, next), base), next)
  })

  it('refuses a difference with seats that can not be', () => {
    const base = { ...emptyTopology(ring), servers: [server(0)] }
    const difference = encodeDifference(base, { ...base, version: 1 })
    for (const seats of [5, [-1, null], [2, null], ['0', null], [0, 'x']])
      assert.throws(() => decodeTopology(difference.with(5, seats), base), { code: 'PROTOCOL' })
  })

  it('tells of masters only when they have changed, and of none that an earlier release does not name', () => {
    const base = { ...emptyTopology(ring, 16), masters: [master('a')] }
    const same = { ...base, version: 1, masters: [master('a')] }
    assert.equal(encodeDifference(base, same)[10], null)
    assert.deepEqual(decodeTopology(encodeDifference(base, same), base)?.masters, [master('a')])
    for (const masters of [[], [master('a', { port: 7001 })], [master('a'), master('b')]]) {
      const next = { ...base, version: 1, masters }
      assert.deepEqual(decodeTopology(encodeDifference(base, next), base), next)
      assert.deepEqual(decodeTopology(encodeDifferenceForClients(base, next), base), next)
    }
    const [older, difference] = [encodeTopology(base).slice(0, 9), encodeDifference(base, same).slice(0, 10)]
    assert.deepEqual(decodeTopology(older, undefined, 16)?.masters, [])
    assert.deepEqual(decodeTopology(difference, base)?.masters, [master('a')])
  })

  it('refuses what makes no sense', () => {
    const good = encodeTopology({ ...emptyTopology(ring), servers: [server(0)] })
    const bad: [number, unknown][] = [
      [0, 7],
      [1, -1],
      [2, 'x'],
      [3, null],
      [4, [[1]]],
      [5, new Uint8Array(3)],
      [5, new Uint8Array(SLOT_COUNT * 2).fill(9)],
      [7, [SLOT_COUNT, 0, 0, 0]],
      [7, [1, 5, 0, 0]],
      [8, 5],
      [9, 5],
      [9, [['a', 'h', 65_536, 0, '']]],
      [9, [['a', 'h', 1, -1, '']]],
      [9, [['a', 'h', 1, 0]]],
      [9, Array.from({ length: limits.maxMasters + 1 }, (_, n) => [`${n}`, 'h', 1, 0, ''])],
      [8, [1, { toString: 1 }]],
      [4, [['a', 'h', 1, 0, '', Infinity, 0]]],
    ]
    for (const [field, value] of bad)
      assert.throws(
        () => decodeTopology(good.with(field, value), undefined),
        { code: 'PROTOCOL' },
        `field ${field}`,
      )
    const vacant = { ...emptyTopology(ring), servers: [server(0), undefined] }
    const columns: Partial<Topology>[] = [
      { primary: new Uint16Array(SLOT_COUNT).fill(1) },
      { backup: new Uint16Array(SLOT_COUNT).fill(1) },
      { transitions: transitionsOf([[3, { to: 1, intent: 'backup', since: 1 }]]) },
      { servers: [server(0), server(0)] },
      { masters: [master('a'), master('a', { port: 2 })] },
    ]
    for (const change of columns)
      assert.throws(() => decodeTopology(encodeTopology({ ...vacant, ...change }), undefined), {
        code: 'PROTOCOL',
        message: /vacant seat|two seats/,
      })
    const base = emptyTopology(ring)
    const copied = (version: number, since: number): Topology => ({
      ...base,
      version,
      servers: [server(0)],
      transitions: transitionsOf([[3, { to: 0, intent: 'backup', since }]]),
    })
    for (const encode of [encodeTopology, (next: Topology) => encodeDifference(base, next)]) {
      assert.ok(decodeTopology(encode(copied(6, 6)), base))
      assert.throws(() => decodeTopology(encode(copied(6, 7)), base), {
        code: 'PROTOCOL',
        message: 'a topology must not have a copy since a later version than its own, 6: slot 3, 7',
      })
    }
    // What stays as it was may not be right any more.
    const servers: Topology['servers'] = [server(0), server(1), server(2)]
    const transitions = transitionsOf([[9, { to: 2, intent: 'backup', since: 6 }]])
    const there = {
      ...copied(6, 6),
      servers,
      primary: base.primary.map((_, slot) => (slot < 5 ? 1 : NONE)),
      transitions,
    }
    for (const seat of [1, 2])
      assert.throws(
        () =>
          decodeTopology(
            encodeDifference(there, { ...there, version: 7, servers: servers.with(seat, undefined) }),
            there,
          ),
        { code: 'PROTOCOL', message: /vacant seat/ },
      )
    assert.throws(() => decodeTopology(encodeDifference(there, { ...there, version: 5 }), there), {
      code: 'PROTOCOL',
      message: /since a later version/,
    })
    const difference = encodeDifference(base, base)
    for (const field of [3, 4])
      assert.throws(() => decodeTopology(difference.with(field, { toString: 1, valueOf: 1 }), base), {
        code: 'PROTOCOL',
      })
    for (const wire of [null, 5, 'text', [], [0]])
      assert.throws(() => decodeTopology(wire, undefined), { code: 'PROTOCOL' })
  })
})
