// Servers that a later master leads come to one that has not noticed that it is not active any more.
import { MessageType, unreachableMessage, type Topology } from '@icf/common'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ids, settled, type FakeServer, type Harness } from './harness.test.kit.js'

/** What a later master made of it: another epoch, and versions that this one does not know. */
function later({ topology }: Harness, epochs = 1): Topology {
  return { ...topology, epoch: topology.epoch + epochs, version: topology.version + 3 }
}

/** Whose right to be active may be over, with servers that it knows. */
function stale(count: number): { harness: Harness; servers: FakeServer[] } {
  const { harness, servers } = settled(count)
  harness.validUntil = harness.now
  for (const { inbox } of servers) inbox.length = 0
  return { harness, servers }
}

test('a heartbeat by a later epoch shows that this master is surpassed: it is not answered, and its sender not fenced', () => {
  const { harness, servers } = stale(2)
  const [server] = servers as [FakeServer]
  const before = harness.topology
  server.topology = later(harness, 4)
  harness.beat(server)
  assert.deepEqual(harness.surpassedBy, [before.epoch + 4])
  harness.say(server, [MessageType.DISTRIBUTION_REQUEST])
  harness.say(server, unreachableMessage([servers[1]!.id]))
  assert.deepEqual([server.inbox, server.refusal, harness.closed], [[], undefined, []])
  assert.equal(harness.topology, before)
})

test('a server that comes with a later epoch is not fenced, and what it says is not heard', () => {
  const { harness, servers } = stale(2)
  const stranger = harness.newServer()
  for (const server of [stranger, servers[0]!]) {
    harness.loseLink(server)
    server.topology = later(harness)
    harness.join(server)
    harness.beat(server)
    assert.deepEqual([server.inbox, server.refusal], [[], undefined])
  }
  const { epoch } = later(harness)
  assert.deepEqual(harness.surpassedBy, [epoch, epoch])
  assert.ok(!ids(harness).includes(stranger.id))
  assert.ok(!harness.events.some(({ type }) => type === 'DATA_LOST'))
})

test('a master that begins goes on with no topology of a later one', () => {
  const { harness, servers } = stale(2)
  harness.options = { returnWindowMs: 500 }
  harness.restart()
  const { epoch } = harness.topology
  for (const server of servers) {
    server.topology = later(harness, 2)
    harness.join(server)
    harness.tellTopology(server)
  }
  assert.deepEqual(servers.map(({ inbox }) => inbox), [[], []]) // prettier-ignore
  harness.pass(2000)
  assert.equal(harness.topology.epoch, epoch)
  assert.equal(harness.surpassedBy.length, 2)
})

test('who comes to it anew by its own epoch is heard again', () => {
  const { harness, servers } = stale(2)
  const [server] = servers as [FakeServer]
  const { topology } = server
  server.topology = later(harness)
  harness.beat(server)
  harness.loseLink(server)
  server.topology = topology
  harness.join(server)
  harness.validUntil = harness.now + 1
  harness.beat(server)
  assert.equal(server.inbox.at(-1)?.[0], MessageType.KEEP_ALIVE)
})

test('where there is no other master, a later epoch is of a state that was lost', () => {
  const { harness, servers } = settled(2)
  const [server] = servers as [FakeServer]
  server.topology = later(harness)
  harness.beat(server)
  assert.equal(server.refusal?.code, 'FENCED')
  assert.deepEqual(harness.surpassedBy, [])
})
