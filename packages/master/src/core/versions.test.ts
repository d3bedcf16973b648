import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType, NONE, SLOT_COUNT } from '@icf/common'
import { Harness } from './harness.test.kit.js'

test('nothing is sent or shown before it is persisted', () => {
  const harness = new Harness()
  harness.isPersisting = false
  const server = harness.join()
  const { version } = harness.topology
  assert.equal(server.seat, NONE)
  assert.equal(harness.core.snapshot(harness.now).servers.length, 0)
  harness.beat(server)
  assert.deepEqual(server.inbox, [], 'a heartbeat is answered only when the server is a member')
  harness.persist()
  assert.equal(server.topology!.version, version + 1)
  assert.equal(harness.topology.version, version + 1)
  assert.ok(server.topology!.primary.every((seat) => seat === 0))
})

test('what happens while a version is in flight makes one next version', () => {
  const harness = new Harness()
  harness.isPersisting = false
  const [a, b, c] = [harness.join(), harness.join(), harness.join()]
  harness.persist() // a joined; what followed is in flight now
  assert.equal(a.topology?.version, 2)
  assert.equal(b.seat, NONE)
  harness.persist()
  assert.equal(c.topology?.version, 3)
  assert.deepEqual(
    c.topology.servers.map((server) => server?.id),
    [a.id, b.id, c.id],
  )
})

test('a confirmation of another version changes nothing', () => {
  const harness = new Harness()
  harness.isPersisting = false
  harness.join()
  harness.step({ type: 'persisted', version: 99 })
  assert.equal(harness.topology.version, 1)
})

test('the gravest cause names a version that has several', () => {
  const harness = new Harness()
  const [a, b] = [harness.join(), harness.join()]
  harness.join()
  harness.settle()
  harness.isPersisting = false
  harness.shutdown(b)
  harness.join()
  harness.kill(a)
  harness.persist()
  const updates = (): unknown[] =>
    b.inbox.filter(([type]) => [4, 6, 7, 10].includes(type as number)).slice(-1)
  assert.deepEqual(updates(), [[MessageType.SHUTDOWN_CACHE, [b.id]]])
  harness.persist()
  assert.deepEqual(updates(), [[MessageType.REFLESH_IP, [a.id]]])
})

test('a client gets the whole topology at once, then every change; a slow one the whole again', () => {
  const harness = new Harness()
  harness.join()
  const client = harness.connectClient()
  assert.equal(client.topology?.version, 2)
  harness.join()
  const before = client.topology.version
  harness.step({ type: 'linkCongested', link: client.link! })
  harness.settle()
  assert.equal(client.topology.version, before)
  harness.step({ type: 'linkDrained', link: client.link! })
  assert.equal(client.topology.version, harness.topology.version)
  assert.deepEqual(client.topology.primary, harness.topology.primary)
  harness.join()
  assert.equal(client.topology.version, harness.topology.version)
})

test('a restarted master goes on where the state left off, and moves nothing', () => {
  const harness = new Harness()
  const servers = [harness.join(), harness.join(), harness.join()]
  harness.settle()
  const before = harness.topology
  harness.restart()
  assert.equal(harness.topology.epoch, before.epoch + 1)
  assert.equal(harness.topology.version, before.version + 1)
  assert.equal(harness.core.snapshot(harness.now).isSettled, false, 'nobody is connected yet')
  for (const server of servers) harness.join(server)
  harness.pass(3000)
  const { isSettled, slotsServed } = harness.core.snapshot(harness.now)
  assert.deepEqual({ isSettled, slotsServed }, { isSettled: true, slotsServed: SLOT_COUNT })
  assert.deepEqual(harness.topology.primary, before.primary)
  assert.deepEqual(harness.topology.backup, before.backup)
})

test('servers that do not come back after a restart of the master are dead after a full grace', () => {
  const harness = new Harness()
  const [a, b] = [harness.join(), harness.join()]
  harness.settle()
  harness.restart()
  harness.join(a)
  harness.pass(1475)
  assert.equal(harness.topology.servers.filter(Boolean).length, 2)
  harness.pass(50)
  assert.deepEqual(
    harness.topology.servers.map((server) => server?.id),
    [a.id, undefined],
  )
  assert.ok(harness.topology.primary.every((seat) => seat === 0))
  assert.ok(harness.topology.backup.every((seat) => seat === NONE))
  assert.ok(harness.events.some(({ type, server }) => type === 'REFLESH_IP' && server === b.id))
})
