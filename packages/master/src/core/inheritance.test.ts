import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming, isNewer, MessageType, type Topology } from '@icf/common'
import { FakeServer, Harness, ids, settled, SLOTS } from './harness.test.kit.js'
import { VERSION_INTERVAL_MS } from './versions.js'

const WINDOW_MS = 500
/** How long a master that knows no server waits. */
const BLANK_MS = 1.1 * defaultTiming.leaseMs

/** A settled cluster whose master was killed, and whose state file is gone. */
function orphaned(count: number): { harness: Harness; servers: FakeServer[]; before: Topology } {
  const { servers } = settled(count)
  const before = servers[0]!.topology!
  const harness = new Harness({ returnWindowMs: WINDOW_MS })
  return { harness, servers, before }
}

function returnAll(harness: Harness, servers: readonly FakeServer[]): void {
  for (const server of servers) harness.join(server)
  for (const server of servers) harness.tellTopology(server)
}

function eventsOf(harness: Harness): string[] {
  return harness.events.map(({ type }) => type)
}

test('a master without a state goes on with the topology of the servers that run: nobody moves', () => {
  const { harness, servers, before } = orphaned(3)
  for (const server of servers) harness.join(server)
  assert.deepEqual(servers[0]!.inbox.at(-1), [MessageType.DISTRIBUTION_REQUEST])
  for (const server of servers) harness.beat(server)
  for (const server of servers) harness.tellTopology(server)
  const after = harness.topology
  assert.ok(isNewer(after, before) && after.epoch > before.epoch && after.version > before.version)
  assert.deepEqual(
    [after.primary, after.backup, after.servers],
    [before.primary, before.backup, before.servers],
  )
  assert.equal(servers[2]!.topology?.version, after.version)
  harness.pass(2000)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
  assert.deepEqual(eventsOf(harness), ['MASTER_STARTED', 'TOPOLOGY_ADOPTED', 'SETTLED'])
  assert.deepEqual(ids(harness), servers.map(({ id }) => id)) // prettier-ignore
})

test('servers whose links are older than the term are let in by what their heartbeats say, not by what they said when they came', () => {
  const { harness: old, servers } = settled(3)
  const stored = old.persisted!
  const newcomer = old.join()
  old.settle()
  const all = [...servers, newcomer]
  const before = newcomer.topology!
  const harness = new Harness({ returnWindowMs: WINDOW_MS, stored })
  const heard = all.map(({ inbox }) => inbox.length)
  for (const server of all) harness.findConnected(server)
  assert.deepEqual(all.map(({ inbox }) => inbox.length), heard, 'nobody has said yet what it follows') // prettier-ignore
  for (const server of all) harness.beat(server)
  assert.deepEqual(servers[0]!.inbox.at(-1), [MessageType.DISTRIBUTION_REQUEST])
  for (const server of all) harness.tellTopology(server)
  const after = harness.topology
  assert.ok(isNewer(after, before))
  assert.deepEqual([after.primary, after.backup, after.servers], [before.primary, before.backup, before.servers]) // prettier-ignore
  assert.ok(!eventsOf(harness).includes('DATA_LOST'))
  assert.ok(all.every(({ refusal }) => refusal === undefined))
})

test('the newest topology counts, and who has been declared dead by it begins anew', () => {
  const { harness: old, servers } = settled(3)
  const [paused, ...others] = servers as [FakeServer, FakeServer, FakeServer]
  old.pass(1600, (server) => server !== paused)
  const harness = new Harness()
  returnAll(harness, servers)
  assert.deepEqual(ids(harness).filter(Boolean), others.map(({ id }) => id)) // prettier-ignore
  harness.loseLink(paused)
  harness.join(paused)
  assert.equal(paused.refusal?.code, 'FENCED')
  harness.settle()
  assert.ok(!eventsOf(harness).includes('DATA_LOST'))
})

test('a server that does not come back is waited for, then dead: its backups are promoted', () => {
  const { harness, servers } = orphaned(3)
  const [gone, ...others] = servers as [FakeServer, FakeServer, FakeServer]
  returnAll(harness, others)
  harness.pass(1400)
  assert.equal(harness.topology.servers.length, 0, 'it may know a newer topology')
  harness.pass(100)
  assert.deepEqual(ids(harness), servers.map(({ id }) => id)) // prettier-ignore
  harness.pass(1600)
  assert.ok(!ids(harness).includes(gone.id))
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
  assert.ok(!eventsOf(harness).includes('DATA_LOST'))
})

test('a copy under way, and a server on its way out, go on', () => {
  const { harness: old, servers } = settled(3)
  const newcomer = old.join()
  old.shutdown(servers[0]!)
  const all = [...servers, newcomer]
  const { transitions } = newcomer.topology!
  assert.ok(transitions.size > 0)
  const harness = new Harness()
  returnAll(harness, all)
  const [slot, transition] = [...transitions].find(([at]) => harness.topology.transitions.has(at))!
  assert.deepEqual(harness.topology.transitions.get(slot), transition)
  harness.settle()
  assert.ok(servers[0]!.isReleased)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a new server waits for those that may return, and joins them', () => {
  const { harness, servers } = orphaned(2)
  const fresh = harness.join(new FakeServer('f'.repeat(40), 7200))
  harness.pass(WINDOW_MS - 100)
  assert.equal(harness.topology.servers.length, 0)
  returnAll(harness, servers)
  assert.deepEqual(ids(harness), [...servers, fresh].map(({ id }) => id)) // prettier-ignore
})

test('a new cluster begins when nobody returns; who comes later begins empty, and what that loses is said', () => {
  const { harness, servers } = orphaned(2)
  const fresh = harness.join(new FakeServer('f'.repeat(40), 7200))
  harness.pass(BLANK_MS)
  assert.deepEqual(ids(harness), [fresh.id])
  for (const server of servers) {
    harness.join(server)
    assert.equal(server.refusal?.code, 'FENCED')
  }
  const losses = harness.events.filter(({ type }) => type === 'DATA_LOST')
  assert.deepEqual(losses.map(({ slots }) => slots), [SLOTS]) // prettier-ignore
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, SLOTS)
  assert.deepEqual(ids(harness), [fresh.id])
})

test('who leaves again before it has told is not waited for; who never tells loses its data, and that is said', () => {
  const { harness, servers } = orphaned(2)
  const [first, second] = servers as [FakeServer, FakeServer]
  harness.join(first)
  harness.loseLink(first)
  harness.pass(2000)
  harness.join(second)
  harness.pass(1400)
  assert.deepEqual(harness.closed, [])
  harness.pass(100)
  assert.equal(second.refusal?.code, 'FENCED')
  assert.ok(eventsOf(harness).includes('DATA_LOST'))
})

test('a topology that makes no sense is not taken over', () => {
  const { harness, servers, before } = orphaned(2)
  const [liar, honest] = servers as [FakeServer, FakeServer]
  harness.join(liar)
  harness.tellTopology(liar, { ...before, version: before.version + 1, backup: before.primary })
  assert.equal(liar.refusal?.code, 'PROTOCOL')
  harness.loseLink(liar)
  harness.join(honest)
  harness.tellTopology(honest)
  harness.pass(1500)
  assert.deepEqual(harness.topology.primary, before.primary)
})

test('after an old copy of the state was put back, those that know more tell it, and nothing is lost', () => {
  const { harness, servers } = settled(3)
  const copy = harness.persisted!
  const late = harness.join()
  harness.settle()
  const before = harness.topology
  harness.persisted = copy
  harness.restart()
  const all = [late, ...servers]
  returnAll(harness, all)
  assert.deepEqual(all.map(({ refusal }) => refusal), Array(4).fill(undefined)) // prettier-ignore
  assert.deepEqual([harness.topology.primary, harness.topology.backup], [before.primary, before.backup])
  assert.ok(isNewer(harness.topology, before))
  harness.pass(2000)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
  assert.ok(!eventsOf(harness).includes('DATA_LOST'))
})

test('who is in the old copy only is no member any more', () => {
  const { harness, servers } = settled(3)
  const copy = harness.persisted!
  const [left, ...others] = servers as [FakeServer, FakeServer, FakeServer]
  harness.shutdown(left)
  harness.settle()
  assert.ok(left.isReleased)
  harness.persisted = copy
  harness.restart()
  returnAll(harness, others)
  harness.pass(3000)
  assert.deepEqual(ids(harness).filter(Boolean), others.map(({ id }) => id)) // prettier-ignore
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a version that is on its way to be safe takes no effect when a newer line is taken over', () => {
  const { harness, servers } = settled(3)
  const copy = harness.persisted!
  harness.join()
  harness.settle()
  harness.persisted = copy
  harness.isPersisting = false
  harness.restart()
  returnAll(harness, servers)
  harness.pass(2000)
  const { version } = servers[0]!.topology!
  harness.isPersisting = true
  harness.persist()
  assert.equal(servers[0]!.topology!.version, version + 1)
  assert.ok(!eventsOf(harness).includes('DATA_LOST'))
})

test('a master with its whole state lets servers in when all are there, or after the window', () => {
  const { harness, servers } = settled(3)
  harness.options = { returnWindowMs: WINDOW_MS }
  harness.restart()
  const [first, ...others] = servers as [FakeServer, FakeServer, FakeServer]
  const { version } = first.topology!
  harness.join(first)
  harness.beat(first)
  harness.pass(WINDOW_MS - 100)
  assert.equal(first.topology!.version, version, 'somebody may know more')
  for (const server of others) harness.join(server)
  assert.equal(first.topology!.version, version + 1)
  assert.ok(first.inbox.some(([type]) => type === MessageType.KEEP_ALIVE), 'what it said is answered now') // prettier-ignore
  harness.restart()
  harness.join(first)
  harness.pass(WINDOW_MS)
  assert.equal(first.topology!.version, version + 2)
})

test('a master that knows no server gives nothing away before the leases of an unknown predecessor are over', () => {
  const harness = new Harness({ returnWindowMs: WINDOW_MS })
  harness.join()
  harness.pass(BLANK_MS - 2 * VERSION_INTERVAL_MS)
  assert.deepEqual(ids(harness), [])
  harness.pass(2 * VERSION_INTERVAL_MS)
  assert.equal(ids(harness).length, 1)
})
