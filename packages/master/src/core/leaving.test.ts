import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming, Leaving, NONE, type IcfError } from '@icf/common'
import { ids, loads, settled, type FakeServer, type Harness, SLOTS } from './harness.test.kit.js'
import { VERSION_INTERVAL_MS } from './versions.js'

test('servers leave, several at once, and are released when they are empty', () => {
  const { harness, servers } = settled(4)
  const [a, b] = servers as [FakeServer, FakeServer]
  assert.deepEqual(harness.shutdown(a, b), [a.id, b.id])
  assert.deepEqual(
    harness.core.snapshot(harness.now).servers.map(({ state }) => state),
    ['leaving', 'leaving', 'active', 'active'],
  )
  const { transitions, backup } = harness.topology
  for (const [slot, { to }] of transitions)
    assert.ok(to > 1 || backup[slot] === to, 'copied to one that leaves')
  harness.settle()
  assert.ok(a.isReleased && b.isReleased)
  assert.deepEqual(ids(harness), [undefined, undefined, servers[2]!.id, servers[3]!.id])
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a server is released only after it has seen that it has no slot left', () => {
  const { harness, servers } = settled(3)
  const [a] = servers
  harness.shutdown(a!)
  harness.settle()
  assert.ok(a!.isReleased)
  assert.equal(a!.seat, 0, 'the last topology it got still has it')
  assert.ok(!a!.topology!.primary.includes(0))
})

test('with one server left to take everything, the leaving one stays the backup to the end', () => {
  const { harness, servers } = settled(2)
  harness.onCommit = ({ servers: present, backup, transitions }) => {
    if (present.filter(Boolean).length < 2) return
    if (transitions.size > 0) assert.ok(!backup.includes(NONE))
  }
  harness.shutdown(servers[0]!)
  harness.settle()
  assert.ok(servers[0]!.isReleased)
  assert.deepEqual(loads(harness), [[SLOTS, 0]])
})

test('a leaving server keeps what it handed over to one that was dead by then', () => {
  for (const die of [
    (harness: Harness, dead: FakeServer): void => harness.kill(dead),
    (harness: Harness, dead: FakeServer): void =>
      harness.pass(2 * defaultTiming.deadAfterMs, (server) => server !== dead),
  ]) {
    const { harness, servers } = settled(2)
    const [a, b] = servers as [FakeServer, FakeServer]
    harness.shutdown(a)
    harness.report(b, b.tasks())
    while (a.tasks().length > 0) {
      harness.report(a, a.tasks())
      harness.pass(VERSION_INTERVAL_MS, (server) => server !== b)
    }
    die(harness, b)
    assert.ok(!a.isReleased)
    assert.ok(harness.topology.primary.every((seat) => seat === a.seat))
    assert.ok(!harness.events.some(({ type }) => type === 'DATA_LOST'))
  }
})

test('a leaving server gives its copy up when who has the other one follows the version that made it the primary', () => {
  const { harness, servers } = settled(2)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.shutdown(a)
  while (a.tasks().length > 0) {
    harness.report(a, a.tasks())
    harness.pass(VERSION_INTERVAL_MS, (server) => server !== b)
  }
  const handedOver = harness.topology.version
  assert.deepEqual(loads(harness), [[0, SLOTS], [SLOTS, 0]]) // prettier-ignore
  harness.pass(500, (server) => server !== b)
  assert.equal(harness.topology.version, handedOver, 'no more versions while it waits')
  harness.beat(b)
  harness.pass(2 * VERSION_INTERVAL_MS)
  assert.ok(a.isReleased)
})

test('a leaving server keeps its copy when the connection of who has the other one breaks after it said that it follows', () => {
  const { harness, servers } = settled(2)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.shutdown(a)
  while (loads(harness)[1]![0] !== SLOTS) {
    harness.report(a, a.tasks())
    harness.pass(25, (server) => server !== b)
  }
  const { version } = harness.topology
  harness.beat(b)
  assert.equal(harness.topology.version, version, 'the next version waits')
  harness.loseLink(b)
  harness.pass(VERSION_INTERVAL_MS, (server) => server !== b)
  assert.deepEqual(loads(harness), [[0, SLOTS], [SLOTS, 0]]) // prettier-ignore
  harness.join(b)
  harness.pass(500, (server) => server !== b)
  assert.ok(!a.isReleased, 'it has not said it again')
  harness.pass(500)
  assert.ok(a.isReleased)
})

test('the last server can not be shut down by an operator, all at once neither', () => {
  const { harness, servers } = settled(2)
  assert.equal((harness.shutdown(...servers) as IcfError).code, 'LAST_SERVER')
  harness.shutdown(servers[0]!)
  assert.equal((harness.shutdown(servers[1]!) as IcfError).code, 'LAST_SERVER')
  assert.equal((harness.shutdown(harness.newServer()) as IcfError).code, 'UNKNOWN_SERVER')
})

test('who is the last because another died keeps the data, also after a restart of the master', () => {
  const { harness, servers } = settled(3)
  const [a, b, c] = servers as [FakeServer, FakeServer, FakeServer]
  harness.beat(b, 1)
  harness.kill(c)
  harness.restart()
  for (const server of [a, b]) harness.join(server)
  harness.beat(a, 1)
  assert.ok(!a.isReleased && !b.isReleased)
  assert.ok(!harness.topology.primary.includes(NONE))
})

test('who is the last because an operator let the others go keeps the data', () => {
  const { harness, servers } = settled(2)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.shutdown(a)
  harness.beat(b, 1)
  assert.ok(!b.isReleased)
  assert.ok(!harness.events.some(({ type }) => type === 'DATA_LOST'))
})

test('a whole cluster whose processes are told to end is let go', () => {
  const { harness, servers } = settled(3)
  for (const server of servers) harness.beat(server, 1)
  assert.ok(servers.every(({ isReleased }) => isReleased))
  assert.deepEqual(ids(harness).filter(Boolean), [])
  assert.ok(harness.topology.primary.every((seat) => seat === NONE))
  assert.equal(harness.events.at(-1)?.type, 'DATA_LOST')
  harness.join()
  assert.deepEqual(loads(harness), [[SLOTS, 0]])
})

test('the last server keeps its data when the others died, unless its operator knew', () => {
  const { harness, servers } = settled(2)
  harness.kill(servers[1]!)
  harness.beat(servers[0]!, 1)
  assert.equal(servers[0]!.isReleased, false)
  harness.beat(servers[0]!, 2)
  assert.ok(servers[0]!.isReleased)
})

test('the last one that is there takes nothing along while others are silent that were not told to end', () => {
  for (const wish of [Leaving.HAND_OVER, Leaving.GIVE_UP]) {
    const { harness, servers } = settled(4)
    const [last, returning] = servers as [FakeServer, FakeServer]
    const isThere = (server: FakeServer): boolean => server === last || server === returning
    harness.pass(1600, (server) => server === last)
    harness.beat(last, wish)
    harness.pass(100, isThere)
    harness.beat(returning, Leaving.HAND_OVER)
    harness.beat(last, wish)
    harness.pass(100, isThere)
    assert.ok(!last.isReleased && !returning.isReleased)
    harness.pass(100)
    harness.beat(last, wish)
    harness.settle()
    assert.ok(last.isReleased && returning.isReleased)
    assert.ok(!harness.events.some(({ type }) => type === 'DATA_LOST'))
  }
})

test('who waited for silent ones that died is not the last by wish', () => {
  const { harness, servers } = settled(3)
  const [last, returning, dying] = servers as [FakeServer, FakeServer, FakeServer]
  harness.pass(1600, (server) => server === last)
  harness.beat(last, Leaving.HAND_OVER)
  harness.pass(100, (server) => server !== dying)
  harness.kill(dying)
  harness.beat(returning, Leaving.HAND_OVER)
  harness.beat(last, Leaving.HAND_OVER)
  harness.settle()
  assert.ok(!last.isReleased && returning.isReleased)
  assert.ok(harness.topology.primary.every((seat) => seat === last.seat))
  assert.ok(!harness.events.some(({ type }) => type === 'DATA_LOST'))
})

test('a leaving server that outlives all others keeps the data', () => {
  const { harness, servers } = settled(2)
  harness.shutdown(servers[0]!)
  harness.kill(servers[1]!)
  assert.equal(servers[0]!.isReleased, false)
  assert.ok(harness.topology.primary.every((seat) => seat === 0))
  harness.join()
  harness.settle()
  assert.ok(servers[0]!.isReleased)
})

test('released servers that come back are released again', () => {
  const { harness, servers } = settled(2)
  const [a] = servers
  harness.shutdown(a!)
  harness.loseLink(a!)
  harness.pass(100)
  harness.join(a)
  harness.settle()
  assert.ok(a!.isReleased)
  a!.isReleased = false
  harness.join(a)
  assert.ok(a!.isReleased)
})
