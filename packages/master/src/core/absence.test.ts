import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming, type IcfError, MessageType, NONE, type Topology } from '@icf/common'
import { settled, type FakeServer, type Harness, SLOTS } from './harness.test.kit.js'

/** Slots by who has them. */
function slotsWhere(topology: Topology, has: (primary: number, backup: number) => boolean): number[] {
  return Array.from(topology.primary.keys()).filter((slot) =>
    has(topology.primary[slot]!, topology.backup[slot]!),
  )
}

function eventsOf(harness: Harness, type: string) {
  return harness.events.filter((event) => event.type === type)
}

/** The first of `servers` fall silent together, the others do not. */
function silence(harness: Harness, servers: readonly FakeServer[], count: number, ms = 1600): void {
  harness.pass(ms, (server) => servers.indexOf(server) >= count)
}

test('two fall silent: what others have they take over, and what only these two have stays with them', () => {
  const { harness, servers } = settled(4)
  const before = harness.topology
  const isSilent = (seat: number): boolean => seat < 2
  const shared = slotsWhere(before, (primary, backup) => isSilent(primary) && isSilent(backup))
  assert.ok(shared.length > 0)
  silence(harness, servers, 2)
  const after = harness.topology
  for (const slot of shared) {
    assert.equal(after.primary[slot], before.primary[slot])
    assert.equal(after.backup[slot], before.backup[slot])
  }
  assert.deepEqual(slotsWhere(after, isSilent), shared, 'everything else is served by somebody who is there')
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0)
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
  assert.deepEqual(
    eventsOf(harness, 'SERVER_SILENT').map(({ server }) => server),
    servers.slice(0, 2).map(({ id }) => id),
  )
  const { isSettled, slotsServed, servers: seen } = harness.core.snapshot(harness.now)
  assert.ok(!isSettled)
  assert.equal(slotsServed, SLOTS - shared.length)
  assert.deepEqual(seen.map(({ isAbsent }) => isAbsent), [true, true, false, false]) // prettier-ignore
})

test('they come back and are members as before, with what they had', () => {
  const { harness, servers } = settled(4)
  silence(harness, servers, 2)
  const kept = slotsWhere(harness.topology, (primary) => primary < 2)
  harness.settle()
  harness.pass(500)
  for (const slot of kept) assert.ok(harness.topology.primary[slot]! < 2)
  assert.ok(servers.every(({ refusal }) => refusal === undefined))
  assert.equal(eventsOf(harness, 'SERVER_RETURNED').length, 2)
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
})

test('the first of two that comes back takes over what they shared', () => {
  const { harness, servers } = settled(4)
  const shared = slotsWhere(harness.topology, (primary, backup) => primary < 2 && backup < 2)
  silence(harness, servers, 2)
  silence(harness, servers, 1, 200)
  for (const slot of shared) assert.equal(harness.topology.primary[slot], 1)
  assert.equal(servers[0]!.refusal?.code, 'FENCED', 'nothing depends on the other any more')
})

test('who takes over dies before that is in effect: what it should have had stays with the silent ones', () => {
  const { harness, servers } = settled(4)
  const dying = 2
  const shared = slotsWhere(harness.topology, (primary, backup) =>
    [primary, backup].every((seat) => seat < 2 || seat === dying),
  )
  harness.isPersisting = false
  harness.join()
  silence(harness, servers, 2)
  harness.kill(servers[dying]!)
  harness.isPersisting = true
  harness.persist()
  assert.equal(harness.topology.servers[dying], undefined)
  for (const slot of shared) assert.ok(harness.topology.primary[slot]! < 2)
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
})

test('the only silent one keeps what its successor should have had, too', () => {
  const { harness, servers } = settled(3)
  const dying = 1
  const shared = slotsWhere(harness.topology, (primary, backup) => primary === 0 && backup === dying)
  assert.ok(shared.length > 0)
  harness.isPersisting = false
  harness.join()
  silence(harness, servers, 1)
  harness.kill(servers[dying]!)
  harness.isPersisting = true
  harness.persist()
  assert.equal(harness.topology.servers[dying], undefined)
  for (const slot of shared) assert.equal(harness.topology.primary[slot], 0)
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
  harness.pass(500)
  harness.settle()
  assert.equal(servers[0]!.refusal, undefined)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('one falls silent as the only other one dies: it keeps the backups of who is not yet found dead', () => {
  const { harness, servers } = settled(2)
  const [silent, dying] = servers as [FakeServer, FakeServer]
  const before = harness.topology
  silence(harness, servers, 1, 1400)
  harness.loseLink(dying)
  harness.pass(200, () => false)
  assert.deepEqual(harness.absent().map(({ id }) => id), [silent.id]) // prettier-ignore
  assert.deepEqual(harness.topology.primary, before.primary)
  assert.deepEqual(harness.topology.backup, before.backup)
  harness.kill(dying)
  assert.ok(harness.topology.primary.every((seat) => seat === silent.seat))
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
})

test('a silent one is declared dead when it is in effect that it holds nothing, and told how much it held', () => {
  const { harness, servers } = settled(3)
  const slots = slotsWhere(harness.topology, (primary) => primary === 0).length
  const versions: boolean[] = []
  harness.onCommit = ({ servers: [first] }) => versions.push(first !== undefined)
  silence(harness, servers, 1)
  assert.deepEqual([versions[0], versions.at(-1)], [true, false])
  assert.deepEqual(
    eventsOf(harness, 'REFLESH_IP').map(({ server, slots: count }) => [server, count]),
    [[servers[0]!.id, slots]],
  )
  assert.deepEqual(eventsOf(harness, 'SERVER_SILENT'), [])
})

test('all of a cluster fall silent one after the other: nothing changes hands', () => {
  for (const count of [1, 2, 3]) {
    const { harness, servers } = settled(count)
    const before = harness.topology
    for (let quiet = 1; quiet <= count; quiet++) silence(harness, servers, quiet, 200)
    silence(harness, servers, count, 10_000)
    assert.deepEqual(harness.topology.primary, before.primary)
    assert.deepEqual(harness.topology.backup, before.backup)
    harness.pass(3000)
    assert.ok(servers.every(({ refusal }) => refusal === undefined))
    assert.ok(harness.core.snapshot(harness.now).isSettled)
  }
})

test('a server from which slots were taken gets no lease before it knows that', () => {
  const { harness, servers } = settled(4)
  silence(harness, servers, 2)
  const [first] = servers as [FakeServer]
  const known = first.topology!
  const beats = (): number => first.inbox.filter(([type]) => type === MessageType.KEEP_ALIVE).length
  const answered = beats()
  harness.isPersisting = false
  first.topology = { ...known, version: known.version - 1 }
  harness.beat(first)
  assert.equal(beats(), answered, 'by the older topology it would serve what is not its own any more')
  first.topology = known
  harness.beat(first)
  assert.equal(beats(), answered + 1)
})

test('after a restart of the master, too', () => {
  const { harness, servers } = settled(4)
  const [first] = servers as [FakeServer]
  const { version } = first.topology!
  silence(harness, servers, 2)
  first.topology = { ...first.topology!, version }
  harness.restart()
  for (const server of servers.slice(1)) harness.join(server)
  harness.isPersisting = false
  first.inbox.length = 0
  harness.join(first)
  first.topology = { ...first.topology!, version }
  harness.beat(first)
  assert.ok(!first.inbox.some(([type]) => type === MessageType.KEEP_ALIVE))
})

test('the proof that an absent process is gone gives its slots up; so does an operator', () => {
  for (const giveUp of [
    (harness: Harness, server: FakeServer) => harness.kill(server),
    (harness: Harness, server: FakeServer) => assert.deepEqual(harness.forget(server.id), [server.id]),
  ]) {
    const { harness, servers } = settled(4)
    silence(harness, servers, 2)
    const kept = slotsWhere(harness.topology, (primary) => primary < 2).length
    for (const server of servers.slice(0, 2)) giveUp(harness, server)
    harness.settle()
    assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, kept)
    assert.ok(!harness.topology.primary.includes(NONE))
    assert.ok(harness.core.snapshot(harness.now).isSettled)
  }
})

test('whether absent processes are gone is asked on and on, but not all the time', () => {
  const { harness, servers } = settled(4)
  silence(harness, servers, 2)
  const before = harness.core.snapshot(harness.now).counters.probes
  const began = harness.probes.length
  assert.ok(began > 0)
  for (let passedMs = 0; passedMs < 5000; passedMs += 100) {
    for (const probe of [...harness.probes]) harness.found(probe, { outcome: 'unknown' })
    silence(harness, servers, 2, 100)
  }
  const asked = harness.core.snapshot(harness.now).counters.probes - before
  assert.ok(asked >= 8 && asked <= 24, `${asked} in 5 s`)
})

test('a server that talks can not be forgotten', () => {
  const { harness, servers } = settled(2)
  const refusal = harness.forget(servers[0]!.id) as IcfError
  assert.equal(refusal.code, 'INVALID_ARGUMENT')
  assert.match(refusal.message, /shut it down/)
  assert.equal((harness.forget('f'.repeat(40)) as IcfError).code, 'UNKNOWN_SERVER')
})

test('what nobody gave up for forgetAfterMs is given up', () => {
  const { harness, servers } = settled(4)
  const forgetAfterMs = 10_000
  harness.options = { forgetAfterMs }
  harness.restart()
  for (const server of servers) harness.join(server)
  silence(harness, servers, 2, forgetAfterMs - 100)
  assert.deepEqual(eventsOf(harness, 'DATA_LOST'), [])
  silence(harness, servers, 2, 200)
  assert.equal(eventsOf(harness, 'DATA_LOST').length, 1)
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a restart with shorter times waits for the leases that were given out with the longer ones', () => {
  const { harness, servers } = settled(4)
  const longer = { heartbeatIntervalMs: 100, leaseMs: 10_000, deadAfterMs: 15_000 }
  harness.options = { timing: longer }
  harness.restart()
  for (const server of servers) harness.join(server)
  harness.options = {}
  harness.restart()
  for (const server of servers.slice(1)) harness.join(server)
  harness.pass(14_900)
  assert.ok(harness.topology.primary.includes(0))
  harness.pass(200)
  assert.ok(!harness.topology.primary.includes(0))
})

test('while servers stream back to a restarted master, those that are late do not count as silent', () => {
  const { harness, servers } = settled(6)
  harness.restart()
  for (const server of servers.slice(1)) {
    harness.join(server)
    harness.pass(1400)
  }
  assert.deepEqual(harness.absent(), [])
  assert.ok(harness.topology.primary.includes(0))
  harness.pass(200)
  assert.ok(!harness.topology.primary.includes(0))
})

test('one that died with the master is replaced as soon as it is proven gone, though others still stream back', () => {
  const { harness, servers } = settled(4)
  const [gone, first, second] = servers as [FakeServer, FakeServer, FakeServer]
  harness.restart()
  harness.join(first)
  harness.pass(1000)
  harness.join(second)
  harness.say(first, [MessageType.SUSPECT, gone.id])
  harness.kill(gone)
  assert.equal(eventsOf(harness, 'REFLESH_IP')[0]?.server, gone.id)
  assert.ok(!harness.topology.primary.includes(0))
})

test('nobody is told to drop what it holds before that is in effect', () => {
  const { harness, servers } = settled(3)
  const [a] = servers as [FakeServer]
  harness.isPersisting = false
  silence(harness, servers, 1)
  assert.equal(a.refusal, undefined)
  harness.persist()
  silence(harness, servers, 1, 50)
  harness.beat(a)
  assert.equal(a.refusal, undefined)
  harness.loseLink(a)
  const hello = { role: 'cache-server' as const, id: a.id, details: ['h', 1, 0, '', 1, 1] }
  assert.throws(() => harness.core.admit(hello), { code: 'BUSY' })
  harness.persist()
  assert.throws(() => harness.core.admit(hello), { code: 'FENCED' })
})

test('while its connection stands, a refusal proves nothing before it has been silent for as long as its lease', () => {
  const { harness, servers } = settled(3)
  const [a, b, c] = servers as [FakeServer, FakeServer, FakeServer]
  const allSayGone = (): void => {
    harness.say(b, [MessageType.SUSPECT, a.id])
    const probe = harness.probes.at(-1)!
    for (const peer of [b, c]) harness.say(peer, [MessageType.PROBE_RESULT, probe.probe, 'gone'])
    harness.found(probe, { outcome: 'gone' })
  }
  silence(harness, servers, 1, 600)
  allSayGone()
  assert.ok(harness.topology.servers.some((server) => server?.id === a.id))
  assert.ok(defaultTiming.leaseMs > 600)
})

test('a server that no answer reaches is as good as silent, though it is heard', () => {
  const { harness, servers } = settled(3)
  const [deaf] = servers as [FakeServer, FakeServer, FakeServer]
  const { leaseMs, heartbeatIntervalMs, deadAfterMs } = defaultTiming
  const answered = (): unknown[] =>
    deaf.inbox.filter(([type]) => type === MessageType.KEEP_ALIVE).map(([, beat]) => beat)
  const beatFor = (ms: number, from: number): void => {
    for (let beat = from; beat < from + ms / heartbeatIntervalMs; beat++) {
      harness.pass(heartbeatIntervalMs, (server) => server !== deaf)
      harness.beat(deaf, 0, beat, 1)
    }
  }
  beatFor(leaseMs + deadAfterMs - heartbeatIntervalMs, 1)
  assert.equal(answered().at(-1), 1 + leaseMs / heartbeatIntervalMs, 'no lease is under way to it any more')
  assert.notEqual(deaf.seat, NONE)
  assert.ok(harness.topology.servers.some((server) => server?.id === deaf.id))
  harness.pass(3 * heartbeatIntervalMs, (server) => server !== deaf)
  assert.ok(harness.topology.servers.every((server) => server?.id !== deaf.id))
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0)
})
