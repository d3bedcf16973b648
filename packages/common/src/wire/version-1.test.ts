import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IcfError } from '../errors.js'
import { CommandCode, REPEAT } from './commands.js'
import { readDataFrame } from './data/data-frame.js'
import { MessageType, type Message } from './messages.js'
import { ReplicaOp } from './replication.js'
import { fromVersion1, toVersion1 } from './version-1.js'

const small = fc.nat(1000)
const number = fc.oneof(small, fc.maxSafeNat())
const first = fc.nat(2 ** 31)
const text = fc.string({ unit: 'binary', maxLength: 40 })
const bytes = fc.uint8Array().map((value) => Buffer.from(value))
const ttl = fc.constantFrom(0, 1, 127, 128, 2 ** 41)
/** And its kind. */
const value = fc.oneof(
  fc.tuple(text, fc.constant(1)),
  fc.tuple(bytes, fc.constant(0)),
  fc.tuple(bytes, fc.constant(2)),
)
const fields = (...parts: fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown[]> => fc.tuple(...parts)
const flat = (parts: fc.Arbitrary<unknown[]>): fc.Arbitrary<unknown[]> =>
  fc.array(parts, { maxLength: 8 }).map((all) => all.flat())
const { GET, SET, DELETE, HAS, TTL } = CommandCode

const set = fc
  .tuple(text, value, ttl, fc.constantFrom(0, 1))
  .map(([key, [given, kind], ttlMs, ack]) => [SET, key, given, kind, ttlMs, ack])
const write = fc.oneof(set, fields(fc.constant(DELETE), text))
const command = fc.oneof(
  fields(fc.constantFrom(GET, HAS, TTL), text),
  write,
  fc.tuple(number, write).map(([n, repeated]) => [REPEAT, n, ...repeated]),
)
const result = fc.oneof(
  fc.constantFrom(null, true, false, -1),
  number,
  text,
  bytes,
  bytes.map((packed) => [2, packed]),
  fields(fc.constant(-1), small, text, number, number),
)
/** Runs that do not continue each other: these become one. */
const runs = fc
  .array(fc.array(result, { minLength: 1, maxLength: 5 }), { maxLength: 4 })
  .map((all) => all.flatMap((results, i) => [i * 100, results.length, ...results]))
const entry = fc
  .tuple(small, number, text, value, ttl)
  .map(([slot, seq, key, [given, kind], ttlMs]) => [slot, seq, key, given, kind, ttlMs])
const op = fc.constant
const operation = fc.oneof(
  fc.tuple(entry, number).map(([put, n]) => [ReplicaOp.PUT, ...put, n]),
  entry.map((fill) => [ReplicaOp.FILL, ...fill]),
  fields(op(ReplicaOp.REMOVE), small, number, text, number),
  fields(fc.constantFrom(ReplicaOp.FILL_BEGIN, ReplicaOp.LIST), small, number, number),
  fields(fc.constantFrom(ReplicaOp.FILL_END, ReplicaOp.PARTED), small),
  fields(fc.constantFrom(ReplicaOp.WRITTEN, ReplicaOp.MEND), small, number),
  fields(op(ReplicaOp.ORIGIN), text, number),
  fields(op(ReplicaOp.COMPARE), small, number, fc.array(text)),
)
const message: fc.Arbitrary<Message> = fc.oneof(
  fc
    .tuple(fields(number, number, first, first, number), flat(command))
    .map(([header, rest]) => [MessageType.COMMANDS, ...header, ...rest]),
  runs.map((rest) => [MessageType.RESULTS, ...rest]),
  fc
    .tuple(fields(number, number, number), flat(operation))
    .map(([header, rest]) => [MessageType.KEY_VALUE_RESPONCE_BACK, ...header, ...rest]),
  fields(op(MessageType.BACK_ACK), number, number, number, fc.uniqueArray(small)),
)

test('an array of version 1 becomes a frame, and that the same array', () => {
  fc.assert(
    fc.property(message, (array) => assert.deepEqual(toVersion1(fromVersion1(array), undefined), array)),
    { numRuns: 500 },
  )
})

test('a frame that is cut off or changed is read or refused, and that ends', () => {
  const attempt = (frame: Buffer): void => {
    try {
      toVersion1(
        readDataFrame(frame, () => undefined),
        undefined,
      )
    } catch (error) {
      assert.ok(error instanceof IcfError && error.code === 'PROTOCOL', String(error))
    }
  }
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (array, at, byte) => {
      const { bytes: frame } = fromVersion1(array)
      for (let end = 1; end < frame.length; end++) attempt(frame.subarray(0, end))
      const changed = Buffer.from(frame)
      changed[at % frame.length] = byte
      attempt(changed)
    }),
    { numRuns: 300 },
  )
})
