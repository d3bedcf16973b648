import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTopology, encodeTopology, MessageType, SLOT_COUNT } from '@icf/common'
import { Harness, loads, type FakeServer } from './harness.test.kit.js'

/** A cluster of 16 slots, at rest. */
function settledSixteen(count: number): { harness: Harness; servers: FakeServer[] } {
  const harness = new Harness({ slotCount: 16 })
  const servers = Array.from({ length: count }, () => harness.join())
  harness.settle()
  return { harness, servers }
}

test('sixteen slots are shared out among five servers, each on two', () => {
  const { harness } = settledSixteen(5)
  const { isSettled, slotsServed } = harness.core.snapshot(harness.now)
  assert.deepEqual({ isSettled, slotsServed }, { isSettled: true, slotsServed: 16 })
  for (const [primaries, backups] of loads(harness)) assert.ok(primaries! <= 4 && backups! <= 4)
})

test('a report about a slot that is not there is refused', () => {
  const { harness, servers } = settledSixteen(2)
  for (const slots of [[16, 1], Array.from({ length: 34 }, () => 0)]) {
    servers[0]!.refusal = undefined
    harness.say(servers[0]!, [MessageType.SLOTS_COPIED, servers[1]!.id, 0, 0, slots])
    assert.equal((servers[0] as FakeServer).refusal?.code, 'PROTOCOL')
  }
})

test('a cluster that is stored keeps its number of slots', () => {
  const { harness } = settledSixteen(2)
  const next = new Harness({ stored: harness.persisted! })
  assert.deepEqual(next.topology.primary, harness.topology.primary)
})

test('a master goes on with what a server knows only if that has as many slots', () => {
  const { servers } = settledSixteen(2)
  const harness = new Harness({ slotCount: 16 })
  for (const server of servers) harness.join(server)
  harness.say(servers[0]!, [
    MessageType.DISTRIBUTION_RESPOND,
    encodeTopology({ ...emptyTopology({ virtualNodes: 1, seed: 0 }, 64), epoch: 9, version: 99 }),
    [],
  ])
  assert.equal(servers[0]!.refusal?.code, 'PROTOCOL')
  for (const server of servers) harness.tellTopology(server)
  assert.ok(harness.events.some(({ type }) => type === 'TOPOLOGY_ADOPTED'))
  assert.equal(harness.topology.primary.length, 16)
})

test('data of which the master knows nothing is lost in all its slots', () => {
  for (const slotCount of [16, SLOT_COUNT]) {
    const { servers } = settledSixteen(1)
    const harness = new Harness({ slotCount })
    servers[0]!.topology = { ...servers[0]!.topology!, epoch: 5 }
    harness.join(servers[0])
    harness.pass(2000)
    const losses = harness.events.filter(({ type }) => type === 'DATA_LOST')
    assert.deepEqual(losses.map(({ slots }) => slots), [slotCount]) // prettier-ignore
  }
})
