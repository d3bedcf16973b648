import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming, MessageType, NONE, SLOT_COUNT, type IcfError } from '@icf/common'
import type { Role } from '@icf/common'
import { ALL_SLOTS, Harness, ids, loads, settled, type FakeServer } from './harness.test.kit.js'

test('the first server has every slot at once; the next ones take their shares', () => {
  const harness = new Harness(ALL_SLOTS)
  harness.join()
  assert.deepEqual(loads(harness), [[SLOT_COUNT, 0]])
  harness.join()
  harness.join()
  harness.settle()
  for (const [primaries, backups] of loads(harness)) {
    assert.ok(primaries! <= (SLOT_COUNT / 3) * 1.05 + 1, `${primaries}`)
    assert.ok(backups! <= (SLOT_COUNT / 3) * 1.05 + 1, `${backups}`)
  }
  const types = harness.events.map(({ type }) => type)
  assert.deepEqual(types.slice(0, 4), ['MASTER_STARTED', 'ADD_CACHE_SERVER', 'SETTLED', 'ADD_CACHE_SERVER'])
  assert.equal(types.at(-1), 'SETTLED')
})

test('copies are throttled by server; missing backups are not', () => {
  const harness = new Harness({ ...ALL_SLOTS, maxTransitionsPerServer: 10 })
  harness.join()
  harness.join()
  assert.equal(harness.topology.transitions.size, SLOT_COUNT, 'every slot gets its backup at once')
  harness.settle()
  harness.join()
  assert.equal(harness.topology.transitions.size, 10)
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('death of a server: one version promotes, protects and vacates', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  const before = harness.topology
  harness.isPersisting = false
  harness.kill(servers[1]!)
  harness.persist()
  const after = harness.topology
  assert.equal(after.version, before.version + 1)
  assert.deepEqual(ids(harness), [servers[0]!.id, undefined, servers[2]!.id])
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const wasPrimary = before.primary[slot] === 1
    const wasBackup = before.backup[slot] === 1
    assert.equal(after.primary[slot], wasPrimary ? before.backup[slot] : before.primary[slot])
    assert.equal(after.backup[slot], wasPrimary || wasBackup ? NONE : before.backup[slot])
    const transition = after.transitions.get(slot)
    assert.equal(transition?.intent, wasPrimary || wasBackup ? 'backup' : undefined)
    if (transition) assert.notEqual(transition.to, after.primary[slot])
  }
  const death = harness.events.find(({ type }) => type === 'REFLESH_IP')
  assert.deepEqual([death?.server, death?.reason], [servers[1]!.id, 'process gone'])
})

test('several that are proven gone: what had no copy left begins empty, and is counted', () => {
  const { harness, servers } = settled(4, ALL_SLOTS)
  const before = harness.topology
  const isDead = (seat: number): boolean => seat < 2
  harness.pass(1600, (server) => !isDead(servers.indexOf(server)))
  for (const server of servers.slice(0, 2)) harness.kill(server)
  const lost = before.primary.filter((seat, slot) => isDead(seat) && isDead(before.backup[slot]!)).length
  assert.ok(lost > 0)
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, lost)
  assert.equal(harness.events.find(({ type }) => type === 'DATA_LOST')?.slots, lost)
  assert.ok(!harness.topology.primary.includes(NONE))
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a dead incarnation is fenced, on its old link and on a new one', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  const [a] = servers
  harness.pass(1600, (server) => server !== a)
  assert.equal(a!.refusal?.code, 'FENCED')
  a!.refusal = undefined
  harness.beat(a!)
  assert.equal((a!.refusal as IcfError | undefined)?.code, 'FENCED')
  const hello = { role: 'cache-server' as Role, id: a!.id, details: ['h', 1, 0, '', 1, 1] }
  assert.throws(() => harness.core.admit(hello), { code: 'FENCED' })
  assert.ok(!ids(harness).includes(a!.id))
})

test('a server that still talks to the master is not gone, whatever others find', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  harness.say(servers[0]!, [MessageType.SUSPECT, servers[1]!.id])
  const [probe] = harness.probes
  for (const peer of [servers[0]!, servers[2]!])
    harness.say(peer, [MessageType.PROBE_RESULT, probe!.probe, 'gone'])
  harness.found(probe!, { outcome: 'gone' })
  assert.ok(ids(harness).includes(servers[1]!.id))
})

test('a hint about an unknown server, and hints by the dozen, cost nothing', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  const client = harness.connectClient()
  harness.say(client, [MessageType.SUSPECT, 'f'.repeat(40)])
  assert.equal(harness.probes.length, 0)
  for (let i = 0; i < 20; i++)
    harness.step({ type: 'message', link: client.link!, message: [MessageType.SUSPECT, servers[0]!.id] })
  assert.equal(harness.probes.length, 1)
})

test('a link that breaks and comes back is no death', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  const [a] = servers
  harness.loseLink(a!)
  const [probe] = harness.probes
  harness.found(probe!, { outcome: 'alive', foundId: a!.id })
  assert.equal(harness.core.snapshot(harness.now).isSettled, false)
  const { version } = harness.topology
  harness.join(a)
  harness.pass(3000)
  assert.equal(harness.topology.version, version)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a newer link of one incarnation replaces the older', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  const [a] = servers
  const old = a!.link!
  harness.join(a)
  assert.deepEqual(harness.closed, [old])
  harness.step({ type: 'message', link: old, message: [MessageType.KEEP_ALIVE] })
  harness.step({ type: 'linkLost', link: old })
  harness.pass(3000)
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a restarted process at the same address proves its predecessor gone', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  const [a] = servers
  harness.loseLink(a!)
  harness.found(harness.probes[0]!, { outcome: 'unknown' })
  const next = harness.join(harness.newServer(a!.port))
  harness.pass(50)
  const probe = harness.probes.find(({ server }) => server.id === a!.id)
  harness.found(probe!, { outcome: 'gone', foundId: next.id })
  assert.ok(!ids(harness).includes(a!.id))
  assert.equal(harness.events.find(({ type }) => type === 'REFLESH_IP')?.reason, 'replaced')
})

test('joins, leaves and deaths in the middle of moves come to rest', () => {
  for (const second of [
    'join',
    'leave',
    'kill the newcomer',
    'kill an old one',
    'kill the leaving one',
  ] as const) {
    const { harness, servers } = settled(3, ALL_SLOTS)
    const [a, b] = servers as [FakeServer, FakeServer]
    const late = harness.join()
    harness.report(a, a.tasks().slice(0, 20))
    if (second === 'join') harness.join()
    if (second === 'leave') harness.shutdown(b)
    if (second === 'kill the newcomer') harness.kill(late)
    if (second === 'kill an old one') harness.kill(a)
    if (second === 'kill the leaving one') {
      harness.shutdown(b)
      harness.kill(b)
    }
    harness.settle()
    assert.ok(harness.core.snapshot(harness.now).isSettled, second)
    assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0, second)
  }
})

test('a hand-over that was cancelled while its report was on the way is not made', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  const late = harness.join()
  const owner = servers.find((server) => server.tasks().some(({ intent }) => intent === 'backup'))!
  const stale = owner.tasks()
  harness.shutdown(late)
  const before = harness.topology
  harness.report(owner, stale)
  assert.deepEqual(harness.topology.backup, before.backup)
  assert.equal(harness.core.snapshot(harness.now).counters.rejectedReports, stale.length)
})

test('a heartbeat is answered only while nobody else can be active', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  const answers = (): number => servers[0]!.inbox.filter(([type]) => type === MessageType.KEEP_ALIVE).length
  servers[0]!.inbox.length = 0
  harness.validUntil = harness.now
  harness.beat(servers[0]!)
  assert.equal(answers(), 0)
  harness.pass(2 * defaultTiming.deadAfterMs)
  assert.equal(answers(), 0)
  assert.equal(harness.absent().length, 0, 'it is heard of all the same')
  harness.validUntil = harness.now + 1
  harness.beat(servers[0]!, 0, 2, 1)
  assert.equal(answers(), 1)
})

test('a heartbeat is answered with the version in effect, and never to one who is no member', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  harness.beat(servers[0]!)
  const { epoch, version } = harness.topology
  assert.deepEqual(servers[0]!.inbox.at(-1), [MessageType.KEEP_ALIVE, 1, epoch, version])
})

test('a server that follows a newer topology than its master is fenced: the master lost its state', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  harness.say(servers[0]!, [
    MessageType.KEEP_ALIVE,
    1,
    0,
    harness.topology.epoch,
    harness.topology.version + 1,
    [],
    0,
  ])
  assert.equal(servers[0]!.refusal?.code, 'FENCED')
})

test('what is malformed, or not for a master, is refused, and nobody else notices', () => {
  const { harness, servers } = settled(2, ALL_SLOTS)
  const { version } = harness.topology
  for (const message of [
    [MessageType.KEEP_ALIVE],
    [MessageType.KEEP_ALIVE, -1, 0, 0, 0, []],
    [MessageType.SLOTS_COPIED, 'x', 0, 0, [1]],
    [MessageType.SLOTS_COPIED, 'x', 0, 0, [SLOT_COUNT, 1]],
    [MessageType.SLOTS_HANDED_OFF, 5, 0, 0, []],
    [MessageType.PROBE_RESULT, 1, 'maybe'],
    [MessageType.SUSPECT, 7],
    [MessageType.COMMANDS],
  ]) {
    servers[0]!.refusal = undefined
    harness.say(servers[0]!, message)
    assert.equal((servers[0]!.refusal as IcfError | undefined)?.code, 'PROTOCOL', JSON.stringify(message))
  }
  assert.equal(harness.topology.version, version)
})

test('HELLO is refused with a text that says what is wrong', () => {
  const { core } = new Harness(ALL_SLOTS)
  const id = 'a'.repeat(40)
  const good = ['127.0.0.1', 7100, 0, '', 1, 1e6]
  const cases: readonly (readonly [string, unknown[], RegExp])[] = [
    ['A'.repeat(40), good, /40 lowercase hex/],
    [id.slice(1), good, /40 lowercase hex/],
    [id, ['', 7100, 0, '', 1, 1e6], /host/],
    [id, ['a/b', 7100, 0, '', 1, 1e6], /host/],
    [id, ['h', 0, 0, '', 1, 1e6], /port/],
    [id, ['h', 7100, 70000, '', 1, 1e6], /RESP port/],
    [id, ['h', 7100, 0, 5, 1, 1e6], /zone/],
    [id, ['h', 7100, 0, '', -1, 1e6], /weight/],
    [id, ['h', 7100, 0, '', NaN, 1e6], /weight/],
    [id, ['h', 7100, 0, '', Infinity, 1e6], /weight/],
    [id, ['h', 7100, 0, '', 1, 0], /memory/],
    [id, [], /host/],
  ]
  const wildcards = ['0.0.0.0', '::', '[::]', '0', '0:0:0:0:0:0:0:0', '::0', '::ffff:0.0.0.0', '*']
  const unreachable = wildcards.map((host) => [id, [host, ...good.slice(1)], /--advertise-host/] as const)
  for (const [serverId, details, message] of [...cases, ...unreachable])
    assert.throws(() => core.admit({ role: 'cache-server', id: serverId, details }), {
      code: 'INVALID_ARGUMENT',
      message,
    })
  for (const role of ['probe', 'master'] as const)
    assert.throws(() => core.admit({ role, id: '', details: [] }), { code: 'WRONG_ROLE' })
  for (const host of ['127.0.0.1', '10.0.0.0', '::1', 'fe80::', 'cache-0'])
    core.admit({ role: 'cache-server', id, details: [host, ...good.slice(1)] })
})

test('a server of weight 0 holds nothing', () => {
  const harness = new Harness(ALL_SLOTS)
  harness.join(undefined, { weight: 0 })
  assert.deepEqual(loads(harness), [[0, 0]])
  harness.join()
  harness.join()
  harness.settle()
  assert.deepEqual(loads(harness)[0], [0, 0])
  assert.ok(harness.core.snapshot(harness.now).isSettled)
})

test('a dry run says what would move and moves nothing', () => {
  const { harness, servers } = settled(3, ALL_SLOTS)
  for (const server of servers) harness.beat(server)
  const before = harness.topology
  const plan = harness.core.preview([servers[0]!.id])
  assert.equal(harness.topology, before)
  assert.ok(plan.primaryMoves >= SLOT_COUNT / 3 - 1, `${plan.primaryMoves}`)
  assert.equal(plan.primaryMoves + plan.backupMoves, plan.swaps + plan.copies)
  assert.ok(plan.bytes > 0 && plan.entries > 0)
  assert.equal(harness.core.preview([]).copies, 0)
})
