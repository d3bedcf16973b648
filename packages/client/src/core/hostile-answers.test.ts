// What no cache server would answer. A fuzzer found that some of it ended the client's process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, errorToWire, IcfError, MessageType } from '@icf/common'
import { twoServers, type RouterHarness } from './router-harness.test.kit.js'

/** Turned into a text or a number, it throws. */
const ODD = { toString: 1, valueOf: 1 }

function receive(harness: RouterHarness, ...fields: unknown[]): void {
  harness.router.receive(harness.peers.get('a')!, [MessageType.RESULTS, ...fields])
}

test('RESULTS that are no runs of answers are refused', () => {
  const harness = twoServers()
  const got = harness.get('key')
  harness.flush()
  for (const fields of [
    [0, [ODD], 'v'],
    [0, ODD, 'v'],
    [0, 1.5, 'v'],
    [0, 2, 'v'],
    [0, 0, 'v'],
    [ODD, 1, 'v'],
    [-1, 1, 'v'],
    [Number.NaN, 1, 'v'],
    // Cut to 32 bits it is the id of the call.
    [2 ** 32, 1, 'v'],
    [0],
  ])
    assert.throws(
      () => receive(harness, ...fields),
      (error) =>
        error instanceof IcfError && error.code === 'PROTOCOL' && error.message.startsWith('RESULTS must'),
    )
  assert.equal(got.settled, false)
  harness.answer('a', 0, 'v')
  assert.deepEqual(got, { settled: true, value: 'v' })
})

test('an error whose number, text or topology is none ends its call', () => {
  const busy = errorToWire('BUSY')
  for (const answer of [
    [-1, busy, ODD, 1, 1],
    [-1, busy, 'text', ODD, 1],
    [-1, busy, 'text', 1, Number.NaN],
    [-1, ODD, 'text', 1, 1],
    [-1],
  ]) {
    const harness = twoServers()
    const [read, written] = [harness.get('key'), harness.set('key', 'v')]
    harness.flush()
    harness.answer('a', 0, answer, answer)
    for (const { error } of [read, written]) assert.equal(error?.code, 'PROTOCOL')
    assert.match(written.error!.message, /the write may have happened/)
  }
})

test('what is no answer to a command ends its call, and is not taken for a success', () => {
  const wrong: readonly [CommandCode, readonly unknown[]][] = [
    [CommandCode.GET, [5, true, ODD, [1], [9, Buffer.alloc(1)]]],
    [CommandCode.SET, [null, false, 1, 'true', ODD]],
    [CommandCode.DELETE, [null, 1, 'true', ODD]],
    [CommandCode.HAS, [null, 0, ODD]],
    [CommandCode.TTL, [true, 'x', -2, Number.NaN, ODD]],
  ]
  for (const [code, answers] of wrong)
    for (const answer of answers) {
      const harness = twoServers()
      const outcome = harness.submit(code, 'key', 5000, 'v')
      harness.flush()
      harness.answer('a', 0, answer)
      assert.equal(outcome.error?.code, 'PROTOCOL')
      const isWrite = code === CommandCode.SET || code === CommandCode.DELETE
      assert.equal(outcome.error.message.includes('the write may have happened'), isWrite)
    }
})
