import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, keySlot, NONE, type IcfError } from '@icf/common'
import { errorResult } from '../fake-cluster.test.kit.js'
import { nobody, twoServers } from './router-harness.test.kit.js'
import { pace } from './pace.js'

const stamp = (version: number): { epoch: number; version: number } => ({ epoch: 1, version })

test('a connection that owes an answer for too long is replaced', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  harness.advance(pace.silentMs - 40)
  assert.deepEqual(harness.take(), [])
  harness.advance(60)
  assert.ok(harness.take().includes('reconnect a'))
})

test('a server that owes an answer is asked once whether it is there; when it does not say so, its connection is replaced', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  const link = harness.links.get('a')!
  harness.advance(pace.askPeerMs - 20)
  assert.equal(link.pings, 0)
  harness.advance(20)
  assert.equal(link.pings, 1)
  harness.advance(pace.silentMs - pace.askPeerMs - 20)
  assert.deepEqual(harness.take(), [])
  harness.advance(20)
  assert.equal(link.pings, 1)
  assert.ok(harness.take().includes('reconnect a'))
  assert.equal(harness.links.get('b')!.pings, 0, 'it owes nothing')
})

test('a server that waits for another one, and says that it is there, keeps its connection', () => {
  const harness = twoServers()
  const outcome = harness.get('k', 60_000)
  harness.flush()
  const link = harness.links.get('a')!
  for (let asked = 1; asked <= 10; asked++) {
    harness.advance(pace.askPeerMs + 20)
    assert.equal(link.pings, asked)
    harness.advance(pace.silentMs - pace.askPeerMs - 100)
    harness.peers.get('a')!.progressed()
  }
  assert.deepEqual(harness.take(), [])
  harness.answer('a', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('a connection that breaks after the server said that it is there is found as soon as any', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  harness.advance(pace.askPeerMs)
  harness.peers.get('a')!.progressed()
  harness.advance(pace.silentMs)
  assert.deepEqual(harness.take(), [])
  harness.advance(20)
  assert.ok(harness.take().includes('reconnect a'))
})

test('a new connection is asked anew', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  harness.advance(pace.askPeerMs)
  harness.lose('a')
  const link = harness.open('a')
  harness.flush()
  harness.advance(pace.askPeerMs)
  assert.equal(link.pings, 1)
})

test('a server that only says that it is there does not keep calls whose slots moved', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  harness.advance(pace.askPeerMs)
  harness.follow(['a', 'b'], () => 1)
  harness.peers.get('a')!.progressed()
  harness.advance(pace.movedSilentMs)
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 1)
})

test('nor when it answered others after that', () => {
  const harness = twoServers()
  harness.get('other', 60_000)
  harness.get('k', 60_000)
  harness.flush()
  harness.follow(['a', 'b'], () => 1)
  harness.answer('a', 0, 'v')
  for (let asked = 0; asked < 3; asked++) {
    harness.advance(pace.askPeerMs + 20)
    harness.peers.get('a')!.progressed()
  }
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 1)
  assert.deepEqual(harness.take(), [])
})

test('calls that were given up before they were sent do not pile up', () => {
  const harness = twoServers()
  harness.lose('a')
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 1000; i++) harness.get('k', 60_000)
    harness.abortAll()
  }
  assert.equal(harness.router.pendingCount, 0)
  assert.ok(harness.peers.get('a')!.queueLength <= 5000, String(harness.peers.get('a')!.queueLength))
})

test('a long answer whose pieces come is waited for', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  for (let i = 0; i < 10; i++) {
    harness.advance(pace.silentMs - 100)
    harness.peers.get('a')!.progressed()
  }
  assert.deepEqual(harness.take(), [])
  harness.advance(pace.silentMs + 100)
  assert.ok(harness.take().includes('reconnect a'))
})

test('a large value is waited for from when it is sent, and longer by its size', () => {
  const harness = twoServers()
  const bytes = 20 * 1024 * 1024
  harness.submit(CommandCode.SET, 'k', 60_000, Buffer.alloc(bytes))
  harness.flush()
  harness.advance(4000)
  harness.links.get('a')!.staging.shift()!.ready({ id: 1 })
  harness.advance(pace.silentMs + bytes / 2000 - 100)
  assert.deepEqual(harness.take(), [])
  harness.advance(200)
  assert.ok(harness.take().includes('reconnect a'))
})

test('a slot without a server: calls wait for one until their deadline', () => {
  const harness = twoServers()
  harness.follow(['a', 'b'], nobody)
  const late = harness.get('k', 100)
  const outcome = harness.get('k', 10_000)
  harness.advance(120)
  assert.equal(late.error!.code, 'TIMEOUT')
  assert.match(
    late.error!.message,
    /GET "k" had no answer within 100 ms: it waited for a topology in which a server answers for slot \d+$/,
  )
  harness.follow(['a', 'b'], (slot) => (slot === keySlot('k') ? 1 : NONE))
  harness.flush()
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('the deadline: who was asked, and whether a write may have happened', () => {
  const harness = twoServers()
  const sent = harness.submit(CommandCode.SET, 'k', 100, 'v')
  harness.flush()
  harness.lose('a')
  harness.peers.get('a')!.problem = 'connection refused'
  const unsent = harness.submit(CommandCode.DELETE, 'k', 100)
  const patient = harness.get('k', 10_000)
  harness.advance(100)
  assert.equal(sent.error!.code, 'OUTCOME_UNKNOWN')
  assert.match(
    sent.error!.message,
    /no connection to h:1 \(server a\) \(connection refused\); the write may have happened$/,
  )
  assert.equal(unsent.error!.code, 'TIMEOUT')
  assert.match(unsent.error!.message, /DELETE "k" had no answer within 100 ms.*; the write did not happen$/)
  assert.equal(patient.settled, false)
  const link = harness.open('a')
  harness.flush()
  assert.equal(link.commands.length, 1, 'only the patient one is sent')
  assert.equal(harness.router.pendingCount, 1)
})

test('the deadline of a write that was refused before anything was done: it did not happen', () => {
  const harness = twoServers()
  const [written, read] = [harness.set('k', 'v'), harness.get('k')]
  harness.flush()
  harness.answer('a', 0, errorResult('NOT_OWNER', stamp(2)), errorResult('NOT_OWNER', stamp(2)))
  harness.advance(5020)
  assert.equal(written.error!.code, 'TIMEOUT')
  assert.match(written.error!.message, /the last answer was NOT_OWNER: .*; the write did not happen$/)
  assert.equal(read.error!.code, 'TIMEOUT')
})

test('the deadline of a write after OWNER_CHANGED: it may have happened there, before the slot went elsewhere', () => {
  const harness = twoServers()
  const [written, read] = [harness.set('k', 'v'), harness.get('k')]
  harness.flush()
  harness.answer('a', 0, errorResult('OWNER_CHANGED', stamp(2)), errorResult('OWNER_CHANGED', stamp(2)))
  harness.advance(5020)
  assert.equal(written.error!.code, 'OUTCOME_UNKNOWN')
  assert.match(written.error!.message, /; the write may have happened$/)
  assert.equal(read.error!.code, 'TIMEOUT')
})

for (const before of ['OWNER_CHANGED', 'a lost connection'] as const)
  test(`NOT_OWNER for a repetition says nothing of the attempt before it, which ended with ${before}`, () => {
    const harness = twoServers()
    const written = harness.set('k', 'v')
    harness.flush()
    if (before === 'OWNER_CHANGED') harness.answer('a', 0, errorResult('OWNER_CHANGED', stamp(2)))
    else harness.lose('a')
    harness.follow(['a', 'b'], () => 1)
    harness.flush()
    assert.equal(harness.links.get('b')!.commands[0]!.repeats, 1)
    harness.answer('b', 0, errorResult('NOT_OWNER', stamp(3)))
    harness.advance(5020)
    assert.equal(written.error!.code, 'OUTCOME_UNKNOWN')
  })

test('only what wrote nothing is marked retryable', () => {
  const harness = twoServers()
  const calls = [harness.get('k', 100), harness.submit(CommandCode.DELETE, 'k', 100)]
  harness.flush()
  harness.lose('a')
  calls.push(harness.submit(CommandCode.DELETE, 'k', 100))
  harness.advance(100)
  assert.deepEqual(
    calls.map(({ error }) => (error as unknown as IcfError).retryable),
    [true, false, true],
  )
})

test('the deadline of a refused call tells why', () => {
  const harness = twoServers()
  const outcome = harness.get('k', 100)
  harness.flush()
  harness.answer('a', 0, errorResult('BUSY', stamp(1)))
  for (let n = 1; n < 10; n++) {
    harness.advance(20)
    harness.flush()
    harness.answer('a', n, errorResult('BUSY', stamp(1)))
  }
  assert.match(outcome.error!.message, /the last answer was BUSY: fake BUSY$/)
  assert.equal(((outcome.error as { cause?: unknown }).cause as { code: string }).code, 'BUSY')
})

test('an answer after the deadline is ignored, and its id is not used before it came', () => {
  const harness = twoServers()
  const late = harness.get('k', 100)
  harness.flush()
  harness.advance(100)
  assert.equal(late.error!.code, 'TIMEOUT')
  const next = harness.get('k')
  harness.flush()
  harness.answer('a', 0, 'old', 'new')
  assert.equal(next.value, 'new')
})

test('after the program stood still, answers that came meanwhile are read before anything is given up', () => {
  const harness = twoServers()
  const outcome = harness.get('k', 5000)
  harness.flush()
  harness.nowMs += 6000
  assert.ok(harness.router.sweep())
  assert.deepEqual(harness.take(), [])
  assert.equal(outcome.settled, false)
  harness.answer('a', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('a program that stands still again and again: deadlines hold all the same', () => {
  const harness = twoServers()
  const outcome = harness.get('k', 5000)
  harness.flush()
  for (let i = 0; i < 2; i++) {
    harness.nowMs += 3000
    harness.router.sweep()
  }
  assert.equal(outcome.error!.code, 'TIMEOUT')
  assert.ok(harness.take().includes('reconnect a'))
})

test('sweeping ends when nothing is pending', () => {
  const harness = twoServers()
  assert.equal(harness.isSweeping, false)
  harness.get('k')
  assert.equal(harness.isSweeping, true)
  harness.flush()
  harness.answer('a', 0, 'v')
  harness.advance(20)
  assert.equal(harness.isSweeping, false)
})

test('closing fails everything that is pending', () => {
  const harness = twoServers()
  const sent = harness.get('k')
  harness.flush()
  const queued = harness.get('k')
  harness.follow(['a', 'b'], (slot) => (slot === keySlot('k') ? 0 : NONE))
  const parked = harness.set('other', 'v')
  harness.router.close()
  for (const { error } of [sent, queued, parked]) assert.equal(error!.code, 'CLOSED')
  assert.equal(harness.router.pendingCount, 0)
})

test('calls of one turn of the event loop begin together: the clock is looked at once', () => {
  let looks = 0
  const harness = twoServers({ clock: { now: () => ++looks } })
  looks = 0
  for (let i = 0; i < 100; i++) harness.get(`k${i}`)
  harness.flush()
  assert.equal(looks, 1)
})

test('calls that nothing is flushed for begin when they are made', () => {
  const harness = twoServers()
  harness.follow(['a', 'b'], nobody)
  harness.get('k', 1000)
  harness.nowMs += 10
  const later = harness.get('k', 1000)
  harness.nowMs += 985
  const last = harness.get('k', 1000)
  harness.advance(14)
  assert.equal(later.settled, false)
  harness.advance(20)
  assert.equal(later.error!.code, 'TIMEOUT')
  assert.equal(last.settled, false)
})
