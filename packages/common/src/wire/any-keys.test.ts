import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { isTextKey, keyOf, type Key } from '../key.js'
import { keySlot } from '../slot.js'
import { backupTakesAnyKey, primaryTakesAnyKey, withTextKeysAlone } from './any-keys.js'
import { listedMessage, readListed, serverDetails } from './audit.js'
import { beginCommands, CommandCode, readCommand, readCommandsHeader, WireCommand, writeCommand, writeSet } from './commands.js' // prettier-ignore
import { nameAhead, readDataFrame } from './data/data-frame.js'
import { FrameWriter } from './data/frame-writer.js'
import { primaryDetails } from './introduction.js'
import { beginBatch, Operation, readBatchHeader, readComparedKeys, readOperation, ReplicaOp, writeComparison, writeEntry, writeOrigin, writeRemoval } from './replication.js' // prettier-ignore
import { fromVersion1, toVersion1 } from './version-1.js'

const SLOTS = 64

const bytesKey = fc.uint8Array({ minLength: 1, maxLength: 60 }).map(keyOf)
const key = fc.oneof(bytesKey, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map(keyOf))
const textOnly = key.filter(isTextKey)

/** Operations with keys, and one that has none between them. */
const { PUT, FILL, REMOVE, ORIGIN } = ReplicaOp
const operation = fc.record({
  op: fc.constantFrom(PUT, FILL, REMOVE, ORIGIN),
  key,
  seq: fc.nat(1000),
  number: fc.nat(9),
})
type Written = typeof operation extends fc.Arbitrary<infer T> ? T : never

function batchOf(operations: readonly Written[], ahead = false): Buffer {
  const writer = new FrameWriter()
  beginBatch(writer, { epoch: 1, version: 2, number: 3 }, ahead)
  for (const [i, { op, key: name, seq, number }] of operations.entries()) {
    const slot = keySlot(name, SLOTS)
    const isAhead = ahead && i === 0
    if (op === ORIGIN) writeOrigin(writer, 'client', number)
    else if (op === REMOVE) writeRemoval(writer, slot, seq, name, number)
    else writeEntry(writer, op, { slot, seq, key: name, value: '\xff', kind: 0 }, number, isAhead)
    if (op === PUT) writer.count(number)
  }
  const frame = writer.finish()
  if (ahead) nameAhead(frame, 7)
  return frame
}

interface Read {
  readonly op: number
  readonly slot: number
  readonly key: Key
  readonly seq: number
  readonly number: number
}

function operationsOf(batch: Buffer): Read[] {
  const frame = readDataFrame(batch, (id) => (id === 7 ? Buffer.from('ahead') : undefined))
  assert.deepEqual(readBatchHeader(frame), { epoch: 1, version: 2, number: 3 })
  const at = new Operation()
  const read: Read[] = []
  while (!frame.isAtEnd) {
    readOperation(frame, at)
    const { op, slot, seq, number, settledBelow } = at
    if (op === ORIGIN) read.push({ op, slot: 0, key: '', seq: 0, number: settledBelow })
    else
      read.push({
        op,
        slot,
        key: frame.binaryAt(at.keyAt, at.keyBytes),
        seq,
        number: op === FILL ? 0 : number,
      })
  }
  return read
}

function expected({ op, key: name, seq, number }: Written): Read {
  if (op === ORIGIN) return { op, slot: 0, key: '', seq: 0, number }
  return { op, slot: keySlot(name, SLOTS), key: name, seq, number: op === FILL ? 0 : number }
}

describe('keys of any bytes come as they were sent', () => {
  it('in COMMANDS', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), (keys) => {
        const writer = new FrameWriter()
        beginCommands(writer, { epoch: 1, version: 1, firstId: 1, nextNumber: 1, settledBelow: 1 }, false)
        for (const [i, name] of keys.entries())
          if (i % 2 === 0) writeCommand(writer, CommandCode.GET, name)
          else writeSet(writer, name, '漢', 1, 0, false)
        const frame = readDataFrame(writer.finish(), () => undefined)
        readCommandsHeader(frame)
        const command = new WireCommand()
        for (const name of keys) {
          readCommand(frame, command)
          assert.equal(frame.binaryAt(command.keyAt, command.keyBytes), name)
        }
        assert.ok(frame.isAtEnd)
      }),
    )
  })

  it('in the operations of a batch', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 8 }), (operations) => {
        assert.deepEqual(operationsOf(batchOf(operations)), operations.map(expected))
      }),
    )
  })

  it('in COMPARE and KEYS_LISTED', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), (keys) => {
        const writer = new FrameWriter()
        beginBatch(writer, { epoch: 1, version: 2, number: 3 }, false)
        writeComparison(writer, 5, 6, keys)
        const frame = readDataFrame(writer.finish(), () => undefined)
        readBatchHeader(frame)
        const at = new Operation()
        readOperation(frame, at)
        assert.deepEqual(readComparedKeys(frame, at), keys)
        const listed = { slot: 5, question: 6, keys, hasMore: true }
        assert.deepEqual(readListed(listedMessage(listed), SLOTS), listed)
      }),
    )
  })
})

test('in version 1, text is said as such, and what is none as the empty key, which is refused', () => {
  const names = ['ascii', keyOf('漢😀'), keyOf(Buffer.from([0x61, 0xff]))]
  const writer = new FrameWriter()
  beginCommands(writer, { epoch: 1, version: 1, firstId: 1, nextNumber: 1, settledBelow: 1 }, false)
  for (const name of names) writeCommand(writer, CommandCode.GET, name)
  const frame = readDataFrame(writer.finish(), () => undefined)
  const array = toVersion1(frame, undefined)
  assert.deepEqual(array.slice(6), [0, 'ascii', 0, '漢😀', 0, ''])
  assert.deepEqual(toVersion1(fromVersion1(array), undefined), array)
})

describe('a batch for a server of an earlier release', () => {
  it('is as it was when all its keys are text', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(operation, textOnly), { maxLength: 8 }), (list) => {
        const batch = batchOf(list.map(([written, text]) => ({ ...written, key: text })))
        assert.equal(withTextKeysAlone(batch, SLOTS), batch)
      }),
    )
  })

  it('has its operations with text, and for the writes with other keys some that remove what nobody has', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 8 }), fc.boolean(), (operations, isAhead) => {
        const ahead = isAhead && (operations[0]?.op === PUT || operations[0]?.op === FILL)
        const got = operationsOf(withTextKeysAlone(batchOf(operations, ahead), SLOTS))
        const wanted = operations.filter(({ op, key: name }) => op !== FILL || isTextKey(name))
        assert.equal(got.length, wanted.length)
        for (const [i, written] of wanted.entries()) {
          if (written.op === ORIGIN || isTextKey(written.key)) {
            assert.deepEqual(got[i], expected(written))
            continue
          }
          const { key: name, ...rest } = got[i]!
          const { key: _, ...others } = expected(written)
          assert.deepEqual(rest, { ...others, op: REMOVE })
          assert.match(name, /^icf [0-9a-f]{32} \d+$/)
          assert.equal(keySlot(name, SLOTS), rest.slot)
        }
      }),
    )
  })
})

test('servers tell each other that they take keys of any bytes, and earlier releases do not', () => {
  const introduction = { role: 'cache-server', cluster: 'c', id: 'i' } as const
  assert.equal(backupTakesAnyKey({ ...introduction, details: serverDetails }), true)
  assert.equal(primaryTakesAnyKey({ ...introduction, details: primaryDetails(1, 'server') }), true)
  for (const details of [[], [1], [1, 'server']]) {
    assert.equal(backupTakesAnyKey({ ...introduction, details }), false)
    assert.equal(primaryTakesAnyKey({ ...introduction, details }), false)
  }
})
