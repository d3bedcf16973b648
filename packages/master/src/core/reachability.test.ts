import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming, leaseOverMs, MessageType, NONE } from '@icf/common'
import { loads, settled, type FakeServer, type Harness, SLOTS } from './harness.test.kit.js'

/** Longer than the master waits before it believes it. */
const BELIEVED_MS = 2000

/** Slots that these two have together, or copy to each other. */
function shared({ topology }: Harness, one: FakeServer, other: FakeServer): number {
  const pair = [one.seat, other.seat]
  return topology.primary.reduce((count, primary, slot) => {
    const to = topology.transitions.get(slot)?.to ?? NONE
    const isShared =
      pair.includes(primary) &&
      [topology.backup[slot]!, to].some((seat) => seat !== primary && pair.includes(seat))
    return count + (isShared ? 1 : 0)
  }, 0)
}

function eventsOf(harness: Harness, type: string) {
  return harness.events.filter((event) => event.type === type).map(({ server, reason }) => [server, reason])
}

function beats(server: FakeServer): number {
  return server.inbox.filter(([type]) => type === MessageType.KEEP_ALIVE).length
}

function isSettled(harness: Harness): boolean {
  return harness.core.snapshot(harness.now).isSettled
}

test('what two servers share that can not reach each other goes to others, and nothing else moves', () => {
  const { harness, servers } = settled(4)
  const [a, b] = servers as [FakeServer, FakeServer]
  const before = harness.topology
  const count = shared(harness, a, b)
  assert.ok(count > 0)
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.ok(isSettled(harness))
  assert.equal(shared(harness, a, b), 0)
  const { primary, backup } = harness.topology
  assert.deepEqual(primary, before.primary, 'primaries stay')
  const moved = backup.reduce((sum, seat, slot) => sum + (seat === before.backup[slot] ? 0 : 1), 0)
  assert.ok(moved < count * 1.2, `${moved} backups moved, of ${count} that had to`)
  assert.deepEqual(eventsOf(harness, 'UNREACHABLE'), [[a.id, `127.0.0.1:${b.port}`]])
})

test('writes wait for copies that take the place of such backups: they are not throttled', () => {
  const { harness, servers } = settled(4, { maxTransitionsPerServer: 3 })
  const [a, b] = servers as [FakeServer, FakeServer]
  const count = shared(harness, a, b)
  assert.ok(count > 6)
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  const { primary, backup, transitions } = harness.topology
  const seats = [a.seat, b.seat]
  const areBoth = (slot: number): boolean => seats.includes(primary[slot]!) && seats.includes(backup[slot]!)
  const waiting = [...primary.keys()].filter(areBoth)
  assert.equal(waiting.length, count)
  for (const slot of waiting) assert.equal(transitions.get(slot)?.intent, 'backup')
})

test('nothing moves while the two have just come back, or one is not heard of', () => {
  const { harness, servers } = settled(3)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(1200)
  harness.pass(400, (server) => server !== b)
  harness.pass(1200)
  assert.deepEqual(eventsOf(harness, 'UNREACHABLE'), [])
  harness.cut(a, b, false)
  harness.pass(BELIEVED_MS)
  assert.deepEqual(eventsOf(harness, 'UNREACHABLE'), [])
  assert.equal(harness.core.snapshot(harness.now).counters.promotedSlots, 0)
})

test('when they reach each other again they share slots again', () => {
  const { harness, servers } = settled(3)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.equal(shared(harness, a, b), 0)
  harness.cut(a, b, false)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.equal(eventsOf(harness, 'REACHABLE').length, 1)
  assert.ok(isSettled(harness))
  assert.ok(shared(harness, a, b) > 0)
  for (const [primaries, backups] of loads(harness))
    for (const slots of [primaries!, backups!]) assert.ok(slots < (SLOTS / 3) * 1.05 + 1)
})

test('one that leaves hands over to those whom it reaches', () => {
  const { harness, servers } = settled(3)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  harness.shutdown(a)
  harness.settle()
  assert.ok(a.isReleased)
  assert.ok(isSettled(harness))
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0)
})

test('two servers of which neither reaches the other go on alone, each with what it serves, until they do', () => {
  const { harness, servers } = settled(2)
  const [a, b] = servers as [FakeServer, FakeServer]
  const { primary } = harness.topology
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  assert.deepEqual(harness.topology.primary, primary)
  assert.ok(harness.topology.backup.every((seat) => seat === NONE))
  assert.equal(harness.topology.transitions.size, 0)
  assert.ok(!isSettled(harness))
  harness.cut(a, b, false)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.ok(isSettled(harness))
  assert.ok(harness.topology.backup.every((seat) => seat !== NONE))
})

test('what one serves that reaches none of the others is taken over when its lease is over, and it stays, with nothing', () => {
  const { harness, servers } = settled(3)
  const [a, b, c] = servers as [FakeServer, FakeServer, FakeServer]
  const { primary, backup } = harness.topology
  harness.cut(a, b)
  harness.cut(a, c)
  harness.pass(1600)
  const answered = beats(a)
  harness.pass(leaseOverMs(defaultTiming) - 200)
  assert.equal(beats(a), answered, 'no lease')
  assert.deepEqual(harness.topology.primary, primary, 'nothing is taken away while its lease may run')
  harness.pass(400)
  primary.forEach((owner, slot) =>
    assert.equal(harness.topology.primary[slot], owner === a.seat ? backup[slot] : owner),
  )
  harness.settle()
  assert.ok(beats(a) > answered, 'it is answered again')
  assert.equal(a.refusal, undefined)
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0)
  assert.ok(isSettled(harness))
  harness.pass(5000)
  assert.ok(shared(harness, b, c) === SLOTS, 'it is given nothing')
  harness.cut(a, b, false)
  harness.cut(a, c, false)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.ok(loads(harness).every(([primaries]) => primaries! > 0))
})

test('an isolated one keeps what only it has', () => {
  const { harness, servers } = settled(3)
  const [a, b, c] = servers as [FakeServer, FakeServer, FakeServer]
  const own = [...harness.topology.primary.keys()].filter(
    (slot) => harness.topology.primary[slot] === a.seat && harness.topology.backup[slot] === b.seat,
  )
  harness.cut(a, b)
  harness.cut(a, c)
  harness.kill(b)
  harness.pass(6000)
  const { primary, backup } = harness.topology
  assert.ok(own.length > 0 && own.every((slot) => primary[slot] === a.seat && backup[slot] === NONE))
  const answered = beats(a)
  harness.pass(500)
  assert.ok(beats(a) > answered, 'and serves it')
  assert.equal(harness.core.snapshot(harness.now).counters.lostSlots, 0)
})

test('when nobody reaches anybody, each goes on alone', () => {
  const { harness, servers } = settled(3)
  const [a, b, c] = servers as [FakeServer, FakeServer, FakeServer]
  const { primary } = harness.topology
  for (const [one, other] of [[a, b], [a, c], [b, c]] as const) harness.cut(one, other) // prettier-ignore
  harness.pass(6000)
  assert.deepEqual(harness.topology.primary, primary)
  assert.ok(harness.topology.backup.every((seat) => seat === NONE))
})

test('of two isolated ones neither waits for the other', () => {
  const { harness, servers } = settled(4)
  const [a, b, c, d] = servers as [FakeServer, FakeServer, FakeServer, FakeServer]
  for (const one of [a, b]) for (const other of [c, d]) harness.cut(one, other)
  harness.cut(a, b)
  harness.pass(8000)
  harness.settle()
  const { primary, backup } = harness.topology
  for (let slot = 0; slot < SLOTS; slot++) if (primary[slot]! < 2) assert.equal(backup[slot], NONE)
  const { counters, slotsServed } = harness.core.snapshot(harness.now)
  assert.deepEqual([counters.lostSlots, slotsServed], [0, SLOTS])
})

test('a cluster in two halves, both of which the master hears, keeps the copies of each within it', () => {
  const { harness, servers } = settled(4)
  const [a, b, c, d] = servers as [FakeServer, FakeServer, FakeServer, FakeServer]
  for (const one of [a, b]) for (const other of [c, d]) harness.cut(one, other)
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.ok(isSettled(harness))
  assert.equal(shared(harness, a, b) + shared(harness, c, d), SLOTS)
})

test('what was said on a link that another has replaced is not believed for ever', () => {
  const { harness, servers } = settled(2)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  for (const server of servers) server.cutFrom.clear()
  const old = a.link!
  harness.join(a)
  harness.step({ type: 'linkLost', link: old })
  harness.pass(BELIEVED_MS)
  harness.settle()
  assert.ok(harness.topology.backup.every((seat) => seat !== NONE))
})

/** The most copies at a time that these two were to make for each other while `happens`. */
function copiesBetween(harness: Harness, one: FakeServer, other: FakeServer, happens: () => void): number {
  let most = 0
  harness.onCommit = ({ primary, transitions }) => {
    const pairs = [...transitions].map(([slot, { to }]) => [primary[slot]!, to])
    const between = pairs.filter((pair) => pair.includes(one.seat) && pair.includes(other.seat))
    most = Math.max(most, between.length)
  }
  happens()
  return most
}

for (const [what, happens] of [
  ['a heartbeat that is late', (harness, late) => harness.pass(400, (server) => server !== late)],
  [
    'a lost link',
    (harness, late) => {
      harness.loseLink(late)
      harness.pass(100)
      harness.join(late)
    },
  ],
  [
    'a pause of the master',
    (harness) => {
      harness.now += 400
      harness.step({ type: 'tick' })
    },
  ],
] as readonly [string, (harness: Harness, late: FakeServer) => void][])
  // prettier-ignore
  for (const count of [2, 4])
    test(`${what} makes none of ${count} servers copy anything to one that it does not reach`, () => {
      const { harness, servers } = settled(count)
      const [a, b] = servers as [FakeServer, FakeServer]
      harness.cut(a, b)
      harness.pass(BELIEVED_MS)
      harness.settle()
      const most = copiesBetween(harness, a, b, () => {
        happens(harness, b)
        harness.pass(2 * BELIEVED_MS)
      })
      assert.equal(most, 0)
      assert.deepEqual(eventsOf(harness, 'REACHABLE'), [])
    })

test('heartbeats of an isolated one that are late do not keep others from taking over', () => {
  const { harness, servers } = settled(4)
  const [a, ...others] = servers as [FakeServer, ...FakeServer[]]
  for (const other of others) harness.cut(a, other)
  for (let i = 0; i < 5; i++) {
    harness.pass(1700)
    harness.pass(400, (server) => server !== a)
  }
  assert.ok(!harness.topology.primary.includes(a.seat))
  assert.equal(eventsOf(harness, 'UNREACHABLE').length, 1)
})

test('an isolated one goes on with what only it and a silent one have', () => {
  const { harness, servers } = settled(4)
  const [a, b, ...others] = servers as [FakeServer, FakeServer, ...FakeServer[]]
  for (const other of [b, ...others]) harness.cut(a, other)
  harness.pass(1500)
  harness.pass(10_000, (server) => server !== b)
  const answered = beats(a)
  harness.pass(1000, (server) => server !== b)
  assert.ok(harness.topology.primary.includes(a.seat))
  assert.ok(beats(a) > answered)
})

test('one whose isolation ends just when others have taken over is not declared dead', () => {
  const { harness, servers } = settled(4)
  const [a, ...others] = servers as [FakeServer, ...FakeServer[]]
  for (const other of others) harness.cut(a, other)
  for (let ms = 0; harness.topology.primary.includes(a.seat); ms += 25) {
    assert.ok(ms < 10_000)
    harness.pass(25)
  }
  for (const other of others) harness.cut(a, other, false)
  harness.pass(1000)
  assert.equal(a.refusal, undefined)
  assert.deepEqual(eventsOf(harness, 'REFLESH_IP'), [])
})

test('what nobody can protect does not wait until the others have copied what they can', () => {
  const { harness, servers } = settled(5)
  const [a, b, ...others] = servers as [FakeServer, FakeServer, ...FakeServer[]]
  for (const one of [a, b]) for (const other of others) harness.cut(one, other)
  harness.cut(a, b)
  harness.pass(8000)
  assert.ok(harness.topology.transitions.size > 0)
  assert.equal(shared(harness, a, b), 0)
})

test('what is said to be pending is what will be done', () => {
  const { harness, servers } = settled(4)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  harness.settle()
  const { primaryMoves, backupMoves } = harness.core.preview([])
  assert.equal(primaryMoves + backupMoves, 0)
})

test('a restarted master is told again', () => {
  const { harness, servers } = settled(3)
  const [a, b] = servers as [FakeServer, FakeServer]
  harness.cut(a, b)
  harness.pass(BELIEVED_MS)
  harness.settle()
  const { backup } = harness.topology
  harness.restart()
  for (const server of servers) harness.join(server)
  harness.pass(3 * BELIEVED_MS)
  harness.settle()
  assert.equal(shared(harness, a, b), 0)
  assert.deepEqual(harness.topology.backup, backup)
})
