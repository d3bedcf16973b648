import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, keySlot, limits, MessageType, NONE } from '@icf/common'
import { Staged } from '@icf/common/node'
import { errorResult } from '../testing/fake-cluster.js'
import { nobody, RouterHarness } from '../testing/router-harness.js'
import { pace } from './pace.js'

const stamp = (version: number): { epoch: number; version: number } => ({ epoch: 1, version })

/** A router with open links to servers a and b; `a` has all slots. */
function twoServers(options = {}): RouterHarness {
  const harness = new RouterHarness(options)
  harness.follow(['a', 'b'], () => 0)
  harness.open('a')
  harness.open('b')
  harness.take()
  return harness
}

test('what was called before a flush travels in one frame for each server, with consecutive ids', () => {
  const harness = new RouterHarness()
  const isOdd = (key: string): boolean => keySlot(key) % 2 === 1
  harness.follow(['a', 'b'], (slot) => slot % 2)
  harness.open('a')
  harness.open('b')
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
  const outcomes = keys.map((key) => harness.get(key))
  assert.equal(harness.links.get('a')!.frames.length, 0)
  harness.flush()
  for (const [name, own] of [
    ['a', keys.filter((key) => !isOdd(key))],
    ['b', keys.filter(isOdd)],
  ] as const) {
    const { frames, commands } = harness.links.get(name)!
    assert.equal(frames.length, 1)
    assert.deepEqual(frames[0]!.slice(0, 4), [MessageType.COMMANDS, 1, 1, 0])
    assert.deepEqual(
      commands.map(({ id, args }) => [id, args[0]]),
      own.map((key, i) => [i, key]),
    )
    harness.answer(name, 0, ...own.map((key) => `value of ${key}`))
  }
  assert.deepEqual(
    outcomes.map(({ value }) => value),
    keys.map((key) => `value of ${key}`),
  )
  assert.equal(harness.router.pendingCount, 0)
  assert.equal(harness.router.pendingBytes, 0)
})

test('results may come in any order and split', () => {
  const harness = twoServers()
  const outcomes = ['k0', 'k1', 'k2', 'k3'].map((key) => harness.get(key))
  harness.flush()
  harness.router.receive(harness.peers.get('a')!, [MessageType.RESULTS, 3, 1, 'v3', 0, 2, 'v0', null])
  assert.deepEqual(
    outcomes.map(({ settled, value }) => (settled ? value : 'pending')),
    ['v0', undefined, 'pending', 'v3'],
  )
  harness.answer('a', 2, 'v2')
  assert.equal(outcomes[2]!.value, 'v2')
})

test('each command carries its arguments and turns its result into what the caller gets', () => {
  const harness = twoServers()
  const commands: [code: CommandCode, result: unknown, expected: unknown][] = [
    [CommandCode.SET, true, undefined],
    [CommandCode.DELETE, true, true],
    [CommandCode.HAS, false, false],
    [CommandCode.TTL, 1234, 1234],
    [CommandCode.TTL, -1, null],
    [CommandCode.TTL, null, undefined],
    [CommandCode.GET, [2, Buffer.from([0xc0])], null],
  ]
  const outcomes = commands.map(([code]) => harness.submit(code, 'k', 1000, 'v'))
  harness.flush()
  assert.deepEqual(harness.links.get('a')!.frames[0]!.slice(4, 10), [CommandCode.SET, 'k', 'v', 1, 0, 0])
  harness.answer('a', 0, ...commands.map(([, result]) => result))
  assert.deepEqual(
    outcomes.map(({ value }) => value),
    commands.map(([, , expected]) => expected),
  )
})

test('a frame ends at the bound of bytes, and the next one begins', () => {
  const harness = twoServers()
  for (let i = 0; i < 12; i++) harness.set(`k${i}`, Buffer.alloc(200 * 1024))
  harness.flush()
  const { frames } = harness.links.get('a')!
  assert.deepEqual(
    frames.map((frame) => (frame.length - 4) / 6),
    [6, 6],
  )
  assert.equal(frames[1]![3], 6)
})

test('a link that does not take more is left alone until it drains', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  link.unsentBytes = limits.linkHighWaterBytes + 100
  harness.get('k')
  harness.flush()
  harness.get('k2')
  harness.flush()
  assert.equal(link.frames.length, 0)
  link.unsentBytes = 0
  harness.router.drained(harness.peers.get('a')!)
  harness.flush()
  assert.equal(link.commands.length, 2)
})

test('a drain that was missed is noticed by the sweep', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  link.unsentBytes = limits.linkHighWaterBytes + 100
  harness.get('k')
  harness.flush()
  link.unsentBytes = 0
  harness.advance(pace.sweepMs)
  harness.flush()
  assert.equal(link.commands.length, 1)
})

test('NOT_OWNER with a newer topology waits for that, asks after a while, and goes to the new owner', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  harness.answer('a', 0, errorResult('NOT_OWNER', stamp(2)))
  harness.advance(pace.askAfterMs - 20)
  assert.deepEqual(harness.take(), [])
  harness.advance(40)
  assert.deepEqual(harness.take(), ['ask'])
  assert.equal(outcome.settled, false)
  harness.follow(['a', 'b'], () => 1)
  harness.flush()
  assert.deepEqual(harness.links.get('b')!.frames, [[MessageType.COMMANDS, 1, 2, 0, CommandCode.GET, 'k']])
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
  harness.advance(1000)
  assert.deepEqual(harness.take(), [])
})

test('NOT_OWNER by a topology that is older than ours is sent again at once', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  harness.follow(['a', 'b'], () => 1)
  harness.answer('a', 0, errorResult('NOT_OWNER', stamp(1)))
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 1)
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('servers that send a call around in a circle do not make it spin', () => {
  const harness = twoServers()
  harness.get('k')
  for (let i = 0; i < 5; i++) {
    harness.flush()
    const id = harness.links.get('a')!.commands.length - 1
    harness.answer('a', id, errorResult('NOT_OWNER', stamp(1)))
    harness.flush()
    assert.equal(harness.links.get('a')!.commands.length, i + 1, 'it must pause before it is sent again')
    harness.advance(500)
  }
  assert.ok(harness.take().includes('ask'))
})

test('BUSY is tried again after a pause that grows', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  const outcome = harness.get('k')
  harness.flush()
  const sentAtMs: number[] = []
  for (let n = 0; n < 6; n++) {
    sentAtMs.push(harness.nowMs)
    harness.answer('a', n, errorResult('BUSY', stamp(1)))
    while (link.commands.length === n + 1) {
      harness.advance(20)
      harness.flush()
    }
  }
  harness.answer('a', 6, 'v')
  assert.equal(outcome.value, 'v')
  const pauses = sentAtMs.slice(1).map((at, i) => at - sentAtMs[i]!)
  assert.ok(pauses[4]! > pauses[0]! && pauses[4]! <= pace.busyAtMostMs, pauses.join())
})

test('another error of the server is the caller’s', () => {
  const harness = twoServers()
  const outcome = harness.set('k', 'v')
  harness.flush()
  harness.answer('a', 0, errorResult('VALUE_TOO_LARGE', stamp(1)))
  assert.equal(outcome.error!.code, 'VALUE_TOO_LARGE')
  assert.match(outcome.error!.message, /SET "k": fake VALUE_TOO_LARGE \(h:1 \(server a\)\)/)
})

test('a lost connection: what was in flight is sent again over the next one, in the same order', () => {
  const harness = twoServers()
  const outcomes = [harness.get('k0'), harness.set('k1', 'x'), harness.submit(CommandCode.DELETE, 'k2', 1000)]
  harness.flush()
  harness.get('k3')
  harness.lose('a')
  assert.deepEqual(harness.take(), ['suspect a'])
  harness.flush()
  const link = harness.open('a')
  harness.flush()
  assert.deepEqual(
    link.commands.map(({ args }) => args[0]),
    ['k0', 'k1', 'k2', 'k3'],
  )
  harness.answer('a', 0, 'v', true, true, null)
  assert.deepEqual(
    outcomes.map(({ value }) => value),
    ['v', undefined, true],
  )
})

test('a lost connection, then a topology without the server: the calls go to the new owner', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  harness.lose('a')
  harness.follow([undefined, 'b'], () => 1)
  harness.flush()
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
  assert.deepEqual(harness.take(), ['suspect a', 'disconnect a'])
})

test('writes are not sent again when the client does not want that', () => {
  const harness = twoServers({ resendWrites: false })
  const written = harness.set('k', 'v')
  const read = harness.get('k')
  harness.flush()
  const unsent = harness.set('k2', 'v')
  harness.lose('a')
  assert.equal(written.error!.code, 'UNREACHABLE')
  assert.match(
    written.error!.message,
    /connection to h:1 .* broke before it answered SET "k"; the write may have happened/,
  )
  const link = harness.open('a')
  harness.flush()
  assert.equal(link.commands.length, 2)
  harness.answer('a', 0, 'v', true)
  assert.ok(read.settled && unsent.settled)
})

test('a server that dies with its connection open: its calls go to the new owner at once, late answers are nothing', () => {
  const harness = twoServers()
  const outcome = harness.set('k', 'v')
  harness.flush()
  harness.follow([undefined, 'b'], () => 1)
  assert.deepEqual(harness.take(), ['disconnect a'])
  harness.flush()
  harness.answer('a', 0, errorResult('INTERNAL', stamp(1)))
  assert.equal(outcome.settled, false)
  harness.answer('b', 0, true)
  assert.ok(outcome.settled)
})

test('a server that leaves in good order answers what is in flight before its connection ends', () => {
  const harness = new RouterHarness()
  harness.follow(['a', 'b'], () => 0, 'leaving')
  harness.open('a')
  harness.open('b')
  const written = harness.set('k', 'v')
  harness.flush()
  harness.take()
  harness.follow([undefined, 'b'], () => 1)
  assert.deepEqual(harness.take(), [])
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 0)
  harness.answer('a', 0, true)
  assert.ok(written.settled)
  assert.deepEqual(harness.take(), ['disconnect a'])
})

test('a server that left but says nothing is not waited for', () => {
  const harness = new RouterHarness()
  harness.follow(['a', 'b'], () => 0, 'leaving')
  harness.open('a')
  harness.open('b')
  const outcome = harness.get('k')
  harness.flush()
  harness.follow([undefined, 'b'], () => 1)
  harness.advance(pace.movedSilentMs + 20)
  harness.flush()
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('slots move away from a silent server: its calls follow them, though it is still a member', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  harness.follow(['a', 'b'], () => 1)
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 0)
  harness.advance(pace.movedSilentMs + 20)
  harness.flush()
  harness.answer('b', 0, 'v')
  harness.answer('a', 0, 'late')
  assert.equal(outcome.value, 'v')
})

test('slots move away from a server that goes on answering: it is left to answer', () => {
  const harness = twoServers()
  const slow = harness.get('slow')
  harness.get('k')
  harness.flush()
  harness.follow(['a', 'b'], () => 1)
  harness.advance(100)
  harness.answer('a', 1, 'v')
  harness.advance(pace.movedSilentMs + 100)
  harness.flush()
  assert.equal(harness.links.get('b')!.commands.length, 0)
  harness.answer('a', 0, 'v')
  assert.equal(slow.value, 'v')
})

test('a connection that owes an answer for too long is replaced', () => {
  const harness = twoServers()
  harness.get('k', 60_000)
  harness.flush()
  harness.advance(pace.silentMs - 40)
  assert.deepEqual(harness.take(), [])
  harness.advance(60)
  assert.ok(harness.take().includes('reconnect a'))
})

test('what waits for a server without a connection follows its slots', () => {
  const harness = twoServers()
  harness.lose('a')
  const outcome = harness.get('k')
  harness.follow(['a', 'b'], () => 1)
  harness.flush()
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
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
  assert.equal(sent.error!.code, 'TIMEOUT')
  assert.match(
    sent.error!.message,
    /no connection to h:1 \(server a\) \(connection refused\); the write may have happened$/,
  )
  assert.match(unsent.error!.message, /DELETE "k" had no answer within 100 ms.*; the write did not happen$/)
  assert.equal(patient.settled, false)
  const link = harness.open('a')
  harness.flush()
  assert.equal(link.commands.length, 1, 'only the patient one is sent')
  assert.equal(harness.router.pendingCount, 1)
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

test('large values are sent ahead one at a time, small ones pass', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  const large = [1, 2].map((n) => harness.set(`large ${n}`, Buffer.alloc(limits.chunkBytes + 1)))
  harness.set('small', 'v')
  harness.flush()
  assert.deepEqual(
    link.commands.map(({ args }) => args[0]),
    ['small'],
  )
  assert.equal(link.staging.length, 1)
  link.staging[0]!.ready(new Staged(1))
  assert.equal(link.staging.length, 2)
  link.staging[1]!.ready(new Staged(2))
  assert.deepEqual(
    link.commands.slice(1).map(({ id, args }) => [id, args[0], args[1]]),
    [
      [1, 'large 1', new Staged(1)],
      [2, 'large 2', new Staged(2)],
    ],
  )
  harness.answer('a', 0, true, true, true)
  assert.ok(large.every(({ settled }) => settled))
})

test('a large value whose connection breaks on the way is sent again', () => {
  const harness = twoServers()
  const old = harness.links.get('a')!
  const outcome = harness.set('large', Buffer.alloc(limits.chunkBytes + 1))
  harness.flush()
  harness.lose('a')
  const link = harness.open('a')
  harness.flush()
  assert.equal(link.staging.length, 1)
  old.staging[0]!.ready(new Staged(1))
  assert.deepEqual([old.commands.length, link.commands.length], [0, 0])
  link.staging[0]!.ready(new Staged(1))
  harness.answer('a', 0, true)
  assert.ok(outcome.settled && !outcome.error)
})

test('a large value that was given up on the way is still taken from the server’s hands', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  const outcome = harness.submit(CommandCode.SET, 'large', 100, Buffer.alloc(limits.chunkBytes + 1))
  harness.flush()
  harness.advance(100)
  assert.match(outcome.error!.message, /the write may have happened/)
  link.staging[0]!.ready(new Staged(1))
  assert.equal(link.commands.length, 1)
  harness.answer('a', 0, true)
  assert.equal(harness.router.pendingCount, 0)
})

test('more servers than are connected to eagerly: each when first needed', () => {
  const harness = new RouterHarness({ eagerServers: 1 })
  harness.follow(['a', 'b'], () => 1)
  assert.deepEqual(harness.take(), [])
  harness.get('k')
  harness.get('k')
  assert.deepEqual(harness.take(), ['connect b'])
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

test('malformed results are a protocol error', () => {
  const harness = twoServers()
  harness.get('k')
  harness.flush()
  const peer = harness.peers.get('a')!
  for (const rest of [
    [0],
    [0, 2, 'v'],
    [-1, 1, 'v'],
    ['0', 1, 'v'],
    [0, 0],
    [0.5, 1, 'v'],
    [0, 1.5, 'v', 'w'],
  ])
    assert.throws(
      () => harness.router.receive(peer, [MessageType.RESULTS, ...rest]),
      { code: 'PROTOCOL' },
      rest.join(),
    )
})

test('a server that can not read what it gets: those calls fail instead of going round', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  const error = Object.assign(new Error('bad frame'), { code: 'PROTOCOL' })
  harness.router.refusedLink(harness.peers.get('a')!, error as never)
  assert.equal(outcome.error!.code, 'PROTOCOL')
})
