import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTopologyUpdate, MessageType, NONE } from '@icf/common'
import { Harness, settled, type FakeServer, SLOTS } from './harness.test.kit.js'
import { VERSION_INTERVAL_MS } from './versions.js'

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

test('what happens while a version is in flight, or was just begun, makes one next version', () => {
  const harness = new Harness()
  harness.isPersisting = false
  const [a, b, c] = [harness.join(), harness.join(), harness.join()]
  harness.persist() // a joined; what followed waits for more
  assert.equal(a.topology?.version, 2)
  assert.equal(b.seat, NONE)
  harness.pass(VERSION_INTERVAL_MS)
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

test('a master announces itself to the servers with the first version of its term, where there was one before', () => {
  const harness = new Harness()
  const a = harness.join()
  harness.settle()
  assert.ok(!a.inbox.some(([type]) => type === MessageType.REFLESH_MASTER))
  harness.isPersisting = false
  harness.restart()
  a.inbox.length = 0
  harness.join(a)
  harness.persist()
  harness.isPersisting = true
  harness.join()
  const updates = a.inbox.filter(([type]) => isTopologyUpdate([type]))
  assert.deepEqual(updates.slice(0, 2), [[MessageType.REFLESH_MASTER, []], [MessageType.ADD_CACHE_SERVER, [harness.connected().at(-1)!.id]]]) // prettier-ignore
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

test('versions for which nobody waits begin some time apart; a death, and a slot that is handed off, do not wait', () => {
  const { harness } = settled(2)
  const newcomer = harness.join()
  const primaries = (): FakeServer[] => harness.connected().filter((server) => server !== newcomer)
  const copies = primaries().flatMap((server) => server.tasks().map((task) => ({ server, task })))
  assert.ok(copies.length > 20 && copies.every(({ task }) => task.intent === 'backup'))
  const report = (): void => harness.report(copies[0]!.server, [copies.shift()!.task])
  report()
  const since = harness.topology.version
  for (let more = 0; more < 10; more++) report()
  assert.equal(harness.topology.version, since)
  harness.pass(VERSION_INTERVAL_MS / 2)
  assert.equal(harness.topology.version, since)
  harness.pass(VERSION_INTERVAL_MS / 2)
  assert.equal(harness.topology.version, since + 1)
  report()
  assert.equal(harness.topology.version, since + 1)
  harness.kill(newcomer)
  assert.equal(harness.topology.version, since + 2, 'with what was reported before')

  const { harness: other } = settled(1)
  other.join()
  const handsOff = (): FakeServer | undefined =>
    other.connected().find((server) => server.tasks().some(({ intent }) => intent === 'primary'))
  while (!handsOff()) {
    for (const server of other.connected()) other.report(server, server.tasks())
    other.pass(VERSION_INTERVAL_MS)
  }
  const before = other.topology.version
  for (let handed = 1; handed <= 3; handed++) {
    const server = handsOff()!
    other.report(server, server.tasks().slice(0, 1))
    assert.equal(other.topology.version, before + handed)
  }
})

test('what a client asks for is always answered with what is in effect, however little it changed', () => {
  const { harness, servers } = settled(3)
  const client = harness.connectClient()
  const known = client.topology!.version
  harness.loseLink(servers[2]!)
  harness.kill(servers[2]!)
  assert.ok(client.topology!.version > known, 'it is told of the death')
  harness.report(servers[0]!, servers[0]!.tasks().slice(0, 1))
  harness.pass(VERSION_INTERVAL_MS)
  assert.ok(harness.topology.version > client.topology!.version, 'not of a copy that is made')
  harness.say(client, [MessageType.DISTRIBUTION_REQUEST])
  assert.equal(client.topology!.version, harness.topology.version)
  harness.settle()
  assert.equal(client.topology!.version, harness.topology.version, 'of what came of them')
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
  assert.deepEqual({ isSettled, slotsServed }, { isSettled: true, slotsServed: SLOTS })
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
