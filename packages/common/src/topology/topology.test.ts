import { serverInfo, topologyWith, transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOT_COUNT } from '../slot.js'
import { concernsClients, emptyTopology, NONE, type Topology } from './topology.js'

const ring = { virtualNodes: 1, seed: 0 }

test('an empty topology has all slots, and nobody owns them', () => {
  for (const [{ primary, backup }, slotCount] of [
    [emptyTopology(ring), SLOT_COUNT],
    [emptyTopology(ring, 16), 16],
    [emptyTopology(ring, 2), 2],
  ] as const)
    for (const column of [primary, backup]) {
      assert.equal(column.length, slotCount)
      assert.ok(column.every((seat) => seat === NONE))
    }
})

test('the number of slots is a power of two from 2 to 16384', () => {
  for (const slotCount of [0, 1, -2, 2.5, 3, 10, 16383, 32768, NaN, Infinity])
    assert.throws(() => emptyTopology(ring, slotCount), RangeError, String(slotCount))
})

test('clients are concerned by which masters and servers there are, who serves what and the term, and by nothing else', () => {
  const server = serverInfo('a')
  const master = { id: 'm', host: 'h', port: 1, httpPort: 0, machine: '' }
  const base = topologyWith({ slotCount: 16, servers: [server, undefined], masters: [master] })
  const unconcerned: Partial<Topology>[] = [
    {},
    { backup: base.backup.with(3, 0) },
    { transitions: transitionsOf([[3, { to: 0, intent: 'backup', since: 2 }]]) },
    { pins: new Map([[3, 'a']]) },
    { servers: [{ ...server }, undefined] },
    { primary: base.primary.slice() },
    { masters: [{ ...master }] },
  ]
  const concerned: Partial<Topology>[] = [
    { epoch: 2 },
    { primary: base.primary.with(3, 0) },
    { servers: [{ ...server, state: 'leaving' }, undefined] },
    { servers: [{ ...server, port: 2 }, undefined] },
    { servers: [server, server] },
    { servers: [undefined, undefined] },
    { servers: [server] },
    { masters: [{ ...master, port: 2 }] },
    { masters: [] },
  ]
  for (const change of unconcerned)
    assert.equal(concernsClients(base, { ...base, version: 2, ...change }), false, JSON.stringify(change))
  for (const change of concerned)
    assert.equal(concernsClients(base, { ...base, version: 2, ...change }), true, JSON.stringify(change))
})
