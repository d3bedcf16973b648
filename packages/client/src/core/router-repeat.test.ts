import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, MessageType } from '@icf/common'
import { errorResult } from '../fake-cluster.test.kit.js'
import { RouterHarness, twoServers } from './router-harness.test.kit.js'
import { pace } from './pace.js'

const stamp = (version: number): { epoch: number; version: number } => ({ epoch: 1, version })

for (const code of ['NOT_OWNER', 'OWNER_CHANGED'] as const)
  test(`${code} with a newer topology waits for that, asks after a while, and goes to the new owner`, () => {
    const harness = twoServers()
    const outcome = harness.get('k')
    harness.flush()
    harness.answer('a', 0, errorResult(code, stamp(2)))
    harness.advance(pace.askAfterMs - 20)
    assert.deepEqual(harness.take(), [])
    harness.advance(40)
    assert.deepEqual(harness.take(), ['ask'])
    assert.equal(outcome.settled, false)
    harness.follow(['a', 'b'], () => 1)
    harness.flush()
    assert.deepEqual(harness.links.get('b')!.sent, [
      [MessageType.COMMANDS, 1, 2, 0, 1, 1, CommandCode.GET, 'k'],
    ])
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

test('a write that is sent again keeps its number, to whichever server; the others count on', () => {
  const harness = twoServers()
  const outcomes = [harness.set('k1', 'v'), harness.get('k'), harness.set('k2', 'v')]
  harness.flush()
  harness.lose('a')
  outcomes.push(harness.set('k3', 'v'))
  harness.follow([undefined, 'b'], () => 1)
  harness.flush()
  const link = harness.links.get('b')!
  const [, , , , firstNumber, settledBelow] = link.sent[0]!
  assert.deepEqual([firstNumber, settledBelow], [3, 1])
  assert.deepEqual(
    link.commands.map(({ args, repeats }) => [args[0], repeats]),
    [
      ['k1', 1],
      ['k', undefined],
      ['k2', 2],
      ['k3', undefined],
    ],
  )
  harness.answer('b', 0, true, 'v', true, true)
  assert.ok(outcomes.every(({ settled }) => settled))
  harness.set('k4', 'v')
  harness.flush()
  assert.deepEqual(link.sent[1]!.slice(4, 6), [4, 4])
})

test('servers hear of settled writes only up to the oldest that may still be sent again', () => {
  const harness = twoServers()
  for (const key of ['k1', 'k2', 'k3']) harness.set(key, 'v')
  harness.flush()
  harness.answer('a', 1, true, true)
  harness.set('k4', 'v')
  harness.flush()
  const link = harness.links.get('a')!
  assert.deepEqual(link.sent[1]!.slice(4, 6), [4, 1])
  harness.answer('a', 0, true)
  harness.set('k5', 'v')
  harness.flush()
  assert.deepEqual(link.sent[2]!.slice(4, 6), [5, 4])
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

test('what waits for a server without a connection follows its slots', () => {
  const harness = twoServers()
  harness.lose('a')
  const outcome = harness.get('k')
  harness.follow(['a', 'b'], () => 1)
  harness.flush()
  harness.answer('b', 0, 'v')
  assert.equal(outcome.value, 'v')
})

test('a server that can not read what it gets: those calls fail instead of going round', () => {
  const harness = twoServers()
  const outcome = harness.get('k')
  harness.flush()
  const error = Object.assign(new Error('bad frame'), { code: 'PROTOCOL' })
  harness.router.refusedLink(harness.peers.get('a')!, error as never)
  assert.equal(outcome.error!.code, 'PROTOCOL')
})
