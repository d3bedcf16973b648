// What no cache server would answer. A fuzzer found that some of it ended the client's process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  beginDataFrame,
  CommandCode,
  errorToWire,
  FrameWriter,
  IcfError,
  limits,
  MessageType,
  readDataFrame,
  ResultTag,
  ValueKind,
  type FrameReader,
} from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { twoServers } from './router-harness.test.kit.js'

/** Turned into a text or a number, it throws. */
const ODD = { toString: 1, valueOf: 1 }

const UNSAFE = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]

/** A frame that no server would write. */
function framed(write: (writer: FrameWriter) => void, type: number = MessageType.RESULTS): FrameReader {
  const writer = new FrameWriter()
  beginDataFrame(writer, type, false)
  write(writer)
  return readDataFrame(writer.finish(), () => undefined)
}

/** RESULTS with one run. */
function run(firstId: number, count: number, ...results: number[]): FrameReader {
  return framed((writer) => {
    writer.count(firstId)
    writer.fixed32(count)
    for (const byte of results) writer.byte(byte)
  })
}

const V = [ResultTag.VALUE + 1, 1, 0x76]

test('RESULTS that are no runs of answers are refused', () => {
  const harness = twoServers()
  const got = harness.get('key')
  harness.flush()
  const frames: (() => FrameReader)[] = [
    ...[
      [0, [ODD], 'v'],
      [0, ODD, 'v'],
      [0, 1.5, 'v'],
      [0, 2, 'v'],
      [0, 0, 'v'],
      [0, 0],
      [ODD, 1, 'v'],
      [-1, 1, 'v'],
      [Number.NaN, 1, 'v'],
      // Cut to 32 bits it is the id of the call.
      [2 ** 32, 1, 'v'],
      [0],
    ].map((fields) => () => dataOf([MessageType.RESULTS, ...fields])),
    () => run(0, 0, ...V),
    () => run(0, 0),
    () => run(2 ** 32, 1, ...V),
    () => run(0, limits.maxResultsPerFrame + 1, ...V),
    () => run(0, 2 ** 32 - 1, ...V),
  ]
  for (const frame of frames)
    assert.throws(
      () => harness.receive('a', frame()),
      (error) =>
        error instanceof IcfError &&
        error.code === 'PROTOCOL' &&
        /RESULTS must (be|have)/.test(error.message),
    )
  for (const bytes of [[0], [0, 1, 0, 0], UNSAFE, new Array<number>(9).fill(0x80)])
    assert.throws(
      () =>
        harness.receive(
          'a',
          framed((writer) => bytes.forEach((byte) => writer.byte(byte))),
        ),
      {
        code: 'PROTOCOL',
      },
    )
  assert.equal(got.settled, false)
  harness.answer('a', 0, 'v')
  assert.deepEqual(got, { settled: true, value: 'v' })
})

test('of RESULTS that end too early the answers count that are there', () => {
  const harness = twoServers()
  const outcomes = [harness.get('key'), harness.set('key', 'v'), harness.get('other')]
  harness.flush()
  assert.throws(() => harness.receive('a', run(0, 3, ...V)), { code: 'PROTOCOL' })
  assert.deepEqual(outcomes[0], { settled: true, value: 'v' })
  assert.equal(outcomes[1]!.error?.code, 'PROTOCOL')
  assert.match(outcomes[1]!.error.message, /the write may have happened/)
  assert.equal(outcomes[2]!.settled, false)
})

test('nothing counts of what stands behind a result whose end nobody can tell', () => {
  const error = [ResultTag.ERROR, errorToWire('BUSY')]
  for (const result of [
    [6],
    [7],
    [ResultTag.VALUE + 3],
    [ResultTag.VALUE_AHEAD],
    [ResultTag.VALUE_AHEAD + 3],
    [255],
    [ResultTag.NUMBER, ...UNSAFE],
    [ResultTag.ERROR, ...UNSAFE],
    [...error, ...UNSAFE],
    [...error, 1, ...UNSAFE],
    [...error, 1, 1, ...UNSAFE],
    [...error, 1, 1, 100],
    [ResultTag.VALUE, ...UNSAFE],
    [ResultTag.VALUE, 100],
  ]) {
    const harness = twoServers()
    const outcomes = [harness.get('key'), harness.get('other')]
    harness.flush()
    assert.throws(
      () => harness.receive('a', run(0, 2, ...result, ...V)),
      { code: 'PROTOCOL' },
      String(result),
    )
    assert.equal(outcomes[0]!.error?.code, 'PROTOCOL')
    assert.equal(outcomes[1]!.settled, false)
    harness.lose('a')
    harness.open('a')
    harness.flush()
    harness.answer('a', 0, 'v')
    assert.deepEqual(outcomes[1], { settled: true, value: 'v' })
  }
})

test('a long value that can not be read fails its own call alone', () => {
  const harness = twoServers()
  const outcomes = [harness.get('key'), harness.get('other')]
  harness.flush()
  const writer = new FrameWriter()
  beginDataFrame(writer, MessageType.RESULTS, true)
  writer.count(0)
  writer.fixed32(2)
  for (const byte of [ResultTag.VALUE_AHEAD + ValueKind.ENCODED, ...V]) writer.byte(byte)
  harness.receive(
    'a',
    readDataFrame(writer.finish(), () => Buffer.from([0x92])),
  )
  assert.equal(outcomes[0]!.error?.code, 'PROTOCOL')
  assert.deepEqual(outcomes[1], { settled: true, value: 'v' })
})

test('another message of the data path is refused', () => {
  const harness = twoServers()
  harness.get('key')
  harness.flush()
  for (const type of [MessageType.COMMANDS, MessageType.KEY_VALUE_RESPONCE_BACK, MessageType.BACK_ACK]) {
    const frame = framed((writer) => V.forEach((byte) => writer.byte(byte)), type)
    const message = `a server can not send message ${type}`
    assert.throws(() => harness.receive('a', frame), { code: 'PROTOCOL', message })
  }
})

test('an error whose number, text or topology is none ends its call', () => {
  const busy = errorToWire('BUSY')
  for (const answer of [
    [-1, busy, ODD, 1, 1],
    [-1, busy, 'text', ODD, 1],
    [-1, busy, 'text', 1, Number.NaN],
    [-1, ODD, 'text', 1, 1],
    [-1],
  ])
    assert.throws(() => dataOf([MessageType.RESULTS, 0, 1, answer]), { code: 'PROTOCOL' })
  for (const answer of [
    [ResultTag.ERROR],
    [ResultTag.ERROR, ...UNSAFE],
    [ResultTag.ERROR, busy, ...UNSAFE],
    [ResultTag.ERROR, busy, 1, 1, 5, 0x74],
  ]) {
    const harness = twoServers()
    const [read, written] = [harness.get('key'), harness.set('key', 'v')]
    harness.flush()
    for (const id of [0, 1])
      assert.throws(() => harness.receive('a', run(id, 1, ...answer)), { code: 'PROTOCOL' })
    for (const { error } of [read, written]) assert.equal(error?.code, 'PROTOCOL')
    assert.match(written.error!.message, /the write may have happened/)
  }
})

test('what is no answer to a command ends its call, and is not taken for a success', () => {
  const wrong: readonly [CommandCode, readonly unknown[]][] = [
    [CommandCode.GET, [5, true, false, -1, [2, Buffer.from([0xc1, 0xc1])]]],
    [CommandCode.SET, [null, false, 1, -1, 'true', Buffer.alloc(1)]],
    [CommandCode.DELETE, [null, 1, -1, 'true', Buffer.alloc(1)]],
    [CommandCode.HAS, [null, 0, -1, 'true']],
    [CommandCode.TTL, [true, false, 'x', Buffer.alloc(1)]],
  ]
  for (const [code, answers] of wrong)
    for (const answer of answers) {
      const harness = twoServers()
      const outcomes = [harness.submit(code, 'key', 5000, 'v'), harness.get('other')]
      harness.flush()
      harness.answer('a', 0, answer, 'next')
      assert.equal(outcomes[0]!.error?.code, 'PROTOCOL')
      const isWrite = code === CommandCode.SET || code === CommandCode.DELETE
      assert.equal(outcomes[0]!.error.message.includes('the write may have happened'), isWrite)
      // The result behind it is another call's, and counts.
      assert.equal(outcomes[1]!.value, 'next')
    }
})

test('what can not be said in a frame is refused where an array of version 1 says it', () => {
  for (const answer of [ODD, [1], [9, Buffer.alloc(1)], -2, Number.NaN])
    assert.throws(() => dataOf([MessageType.RESULTS, 0, 1, answer]), { code: 'PROTOCOL' })
})
