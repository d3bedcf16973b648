import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, keySlot, limits, MessageType } from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { RouterHarness, twoServers } from './router-harness.test.kit.js'
import { pace } from './pace.js'

test('what was called before a flush travels in one frame for each server, with consecutive ids', () => {
  const harness = new RouterHarness()
  const isOdd = (key: string): boolean => keySlot(key) % 2 === 1
  harness.follow(['a', 'b'], (slot) => slot % 2)
  harness.open('a')
  harness.open('b')
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
  const outcomes = keys.map((key) => harness.get(key))
  assert.equal(harness.links.get('a')!.sent.length, 0)
  harness.flush()
  for (const [name, own] of [
    ['a', keys.filter((key) => !isOdd(key))],
    ['b', keys.filter(isOdd)],
  ] as const) {
    const { sent, commands } = harness.links.get(name)!
    assert.equal(sent.length, 1)
    assert.deepEqual(sent[0]!.slice(0, 6), [MessageType.COMMANDS, 1, 1, 0, 1, 1])
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

test('after two frames without a word from the server, calls wait for its next message and leave together', () => {
  const harness = twoServers()
  const frames = (): number => harness.links.get('a')!.sent.length
  const send = (key: string): void => {
    harness.get(key)
    harness.flush()
  }
  for (const key of ['k0', 'k1', 'k2', 'k3']) send(key)
  assert.equal(frames(), 2)
  harness.answer('a', 0, null)
  harness.flush()
  assert.equal(frames(), 3)
  assert.deepEqual(
    harness.links.get('a')!.commands.map(({ args }) => args[0]),
    ['k0', 'k1', 'k2', 'k3'],
  )
})

test('calls do not wait for a server that is silent about what it was sent', () => {
  const harness = twoServers()
  for (const key of ['k0', 'k1', 'k2']) {
    harness.get(key)
    harness.flush()
  }
  assert.equal(harness.links.get('a')!.sent.length, 2)
  harness.advance(pace.sweepMs)
  harness.flush()
  assert.equal(harness.links.get('a')!.sent.length, 3)
})

/** Calls under keys that name them, flushed. */
function getMany(harness: RouterHarness, name: string, count: number): void {
  for (let i = 0; i < count; i++) harness.get(`${name}${i}`)
  harness.flush()
}

test('a lone call leaves at once, each time', () => {
  const harness = twoServers()
  for (let id = 0; id < 5; id++) {
    getMany(harness, 'k', 1)
    assert.equal(harness.links.get('a')!.sent.length, id + 1)
    harness.answer('a', id, null)
  }
})

test('what one of several answers sets off waits until it is half of what is not answered', () => {
  const harness = twoServers()
  const frames = (): number => harness.links.get('a')!.sent.length
  getMany(harness, 'k', 10)
  harness.answer('a', 0, null, null)
  getMany(harness, 'next', 2)
  assert.equal(frames(), 1)
  harness.answer('a', 2, null)
  getMany(harness, 'third', 1)
  assert.equal(frames(), 1)
  harness.answer('a', 3, null)
  harness.flush()
  assert.equal(frames(), 2)
  assert.deepEqual(
    harness.links
      .get('a')!
      .commands.slice(10)
      .map(({ args }) => args[0]),
    ['next0', 'next1', 'third0'],
  )
})

test('calls that stay unanswered hold others up for no longer than a sweep', () => {
  const harness = twoServers()
  const frames = (): number => harness.links.get('a')!.sent.length
  getMany(harness, 'stuck', 100)
  getMany(harness, 'other', 50)
  assert.equal(frames(), 2)
  for (let id = 100; id < 150; id++) harness.answer('a', id, null)
  getMany(harness, 'k', 1)
  assert.equal(frames(), 2)
  harness.advance(pace.sweepMs)
  harness.flush()
  assert.equal(frames(), 3)
  // And then no more at all.
  for (let id = 150; id < 155; id++) {
    harness.answer('a', id, null)
    getMany(harness, 'k', 1)
    assert.equal(frames(), id - 150 + 4)
  }
})

test('what waits for a server that is silent leaves with a sweep, also when it is more than one frame', () => {
  const harness = twoServers()
  const { maxCommandsPerFrame } = limits
  getMany(harness, 'k', 1)
  getMany(harness, 'k', 1)
  getMany(harness, 'waiting', maxCommandsPerFrame + 10)
  assert.equal(harness.links.get('a')!.commands.length, 2)
  harness.advance(pace.sweepMs)
  harness.flush()
  assert.equal(harness.links.get('a')!.commands.length, 2 + maxCommandsPerFrame + 10)
})

test('a large value goes ahead though a few calls wait for answers', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  getMany(harness, 'k', 10)
  harness.set('large', Buffer.alloc(limits.chunkBytes + 1))
  getMany(harness, 'waiting', 1)
  assert.deepEqual([link.sent.length, link.staging.length], [1, 1])
  link.staging[0]!.ready({ id: 1 })
  assert.equal(link.commands.at(-1)!.args[0], 'large')
})

test('after a reconnect nothing waits for what was sent before', () => {
  const harness = twoServers()
  getMany(harness, 'k', 10)
  getMany(harness, 'more', 10)
  harness.abortAll()
  harness.lose('a')
  harness.open('a')
  getMany(harness, 'again', 1)
  assert.equal(harness.links.get('a')!.commands.length, 1)
})

test('results may come in any order and split', () => {
  const harness = twoServers()
  const outcomes = ['k0', 'k1', 'k2', 'k3'].map((key) => harness.get(key))
  harness.flush()
  harness.receive('a', dataOf([MessageType.RESULTS, 3, 1, 'v3', 0, 2, 'v0', null]))
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
  assert.deepEqual(harness.links.get('a')!.sent[0]!.slice(6, 12), [CommandCode.SET, 'k', 'v', 1, 0, 0])
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
  const { sent } = harness.links.get('a')!
  assert.deepEqual(
    sent.map((frame) => (frame.length - 6) / 6),
    [6, 6],
  )
  assert.equal(sent[1]![3], 6)
})

test('a link that does not take more is left alone until it drains', () => {
  const harness = twoServers()
  const link = harness.links.get('a')!
  link.unsentBytes = limits.linkHighWaterBytes + 100
  harness.get('k')
  harness.flush()
  harness.get('k2')
  harness.flush()
  assert.equal(link.sent.length, 0)
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
  link.staging[0]!.ready({ id: 1 })
  assert.equal(link.staging.length, 2)
  link.staging[1]!.ready({ id: 2 })
  assert.deepEqual(
    link.commands.slice(1).map(({ id, args }) => [id, args[0], args[1]]),
    [
      [1, 'large 1', { id: 1 }],
      [2, 'large 2', { id: 2 }],
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
  old.staging[0]!.ready({ id: 1 })
  assert.deepEqual([old.commands.length, link.commands.length], [0, 0])
  link.staging[0]!.ready({ id: 1 })
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
  link.staging[0]!.ready({ id: 1 })
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

test('malformed results are a protocol error', () => {
  const harness = twoServers()
  harness.get('k')
  harness.flush()
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
      () => harness.receive('a', dataOf([MessageType.RESULTS, ...rest])),
      { code: 'PROTOCOL' },
      rest.join(),
    )
})
