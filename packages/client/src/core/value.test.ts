import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { CommandCode, FrameReader, limits, MessageType, ResultTag, ValueKind } from '@icf/common'
import fc from 'fast-check'
import { MAX_DEPTH } from './json-like.js'
import { readResult } from './result.js'
import { decodeValue, encodeValue, type Encoded, type Value } from './value.js'

function encode(value: unknown): Encoded {
  const target = { wire: undefined, kind: -1, bytes: 0 }
  encodeValue(target, value)
  return target
}

function roundTrip(value: unknown): unknown {
  return decode(encode(value))
}

/** As GET answers it: its bytes, and of which kind they are. */
function decode({ wire, kind }: Encoded): unknown {
  return decodeValue(kind, typeof wire === 'string' ? Buffer.from(wire) : (wire as Uint8Array))
}

function invalid(value: unknown, message: RegExp): void {
  assert.throws(() => encode(value), { code: 'INVALID_VALUE', message })
}

const wellFormed = fc.string({ unit: 'binary' })
const name = wellFormed.filter((text) => text !== '__proto__')
const scalar = fc.oneof(
  wellFormed,
  fc.boolean(),
  fc.constant(null),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
)
const jsonLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    scalar,
    tie('object'),
    tie('array'),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
  object: fc.dictionary(name, tie('value')),
  array: fc.array(tie('value')),
})).value

/** -0 is stored as 0, and dictionaries of fast-check may have no prototype. */
function canonical(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (Array.isArray(value)) return value.map(canonical)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, property]) => [key, canonical(property)]))
}

test('JSON-like values come back as they were', () => {
  fc.assert(
    fc.property(jsonLike, (value) => assert.deepStrictEqual(roundTrip(value), canonical(value))),
    { numRuns: 1000 },
  )
})

test('text and bytes of any length come back as they were', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', size: 'large' }), (text) => assert.equal(roundTrip(text), text)),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ size: 'large' }), (bytes) => {
      assert.deepEqual(roundTrip(bytes), Buffer.from(bytes))
    }),
    { numRuns: 200 },
  )
})

test('names that mean something to JavaScript are only names', () => {
  const value = {
    constructor: 1,
    toJSON: 2,
    hasOwnProperty: 3,
    toString: null,
    prototype: { valueOf: 'x' },
    length: 7,
  }
  assert.deepStrictEqual(roundTrip(value), value)
  assert.deepStrictEqual(roundTrip(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

test('large objects and arrays', () => {
  const object = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`p${i}`, i]))
  assert.deepStrictEqual(roundTrip(object), object)
  const array = Array.from({ length: 70_000 }, (_, i) => i)
  assert.deepStrictEqual(roundTrip(array), array)
})

test('undefined inside is treated as in JSON, without touching the original', () => {
  const value = { a: undefined, b: [1, undefined, 3], c: { d: undefined, e: 'e' } }
  assert.deepStrictEqual(roundTrip(value), { b: [1, null, 3], c: { e: 'e' } })
  assert.deepStrictEqual(value, { a: undefined, b: [1, undefined, 3], c: { d: undefined, e: 'e' } })
  assert.deepStrictEqual(roundTrip([, 1]), [null, 1]) // oxlint-disable-line no-sparse-arrays
})

test('what does not come back as it was is refused with its place', () => {
  invalid(undefined, /must not be undefined/)
  invalid(1n, /bigint: store it as text/)
  invalid(() => 1, /must not be a function/)
  invalid(Symbol('s'), /must not be a symbol/)
  invalid({ a: [{ b: 1n }] }, /has at \.a\[0\]\.b a bigint/)
  invalid(new Date(), /an instance of Date/)
  invalid(new Map(), /an instance of Map/)
  invalid({ list: [new (class Point {})()] }, /has at \.list\[0\] an instance of Point/)
  invalid(new Float64Array(2), /an instance of Float64Array/)
  invalid(new ArrayBuffer(2), /an instance of ArrayBuffer/)
  invalid(JSON.parse('{"__proto__": 1}'), /__proto__/)
  invalid('a\ud800', /surrogate/)
  invalid({ a: '\udc00' }, /has at \.a text with half a surrogate/)
  invalid({ '\udc00': 1 }, /property name/)
})

test('arrays that are more than their elements are refused with their place', () => {
  class List extends Array<unknown> {}
  invalid(List.of(1, 2), /must not be an instance of List/)
  invalid({ list: [new List()] }, /has at \.list\[0\] an instance of List/)
  invalid(Object.setPrototypeOf([1], null), /an instance of a class/)
  invalid(Object.setPrototypeOf([1], [2]), /an instance of Array/)
  invalid({ match: 'abc'.match(/b/) }, /has at \.match an array with a property named groups/)
  invalid(Object.assign([], { a: 1 }), /must not be an array with a property named a/)
  for (const name of ['-1', '1.5', '01', '', '4294967295', '__proto__x'])
    invalid(Object.assign([1, , 3], { [name]: 1 }), /an array with a property named/) // oxlint-disable-line no-sparse-arrays
})

test('arrays and objects of another realm are plain', () => {
  assert.deepStrictEqual(roundTrip(runInNewContext('({ a: [1, [undefined]] })')), { a: [1, [null]] })
  invalid(runInNewContext('new (class List extends Array {})()'), /an instance of List/)
})

test('cycles and bottomless nesting are refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = { deeper: [cycle] }
  invalid(cycle, /cyclic/)
  const wide: unknown[] = []
  wide.push(wide, wide, wide)
  invalid(wide, /cyclic/)
  let deep: unknown = 1
  for (let i = 0; i < MAX_DEPTH; i++) deep = [deep]
  assert.deepStrictEqual(roundTrip(deep), deep)
  invalid([deep], /deeper/)
})

test('a property that throws when read is an invalid value', () => {
  let reads = 0
  const value = {
    get twoFaced() {
      return ++reads === 1 ? 1 : () => 1
    },
  }
  try {
    encode(value)
  } catch (error) {
    assert.equal((error as { code: string }).code, 'INVALID_VALUE')
  }
})

test('the type of a value tells arrays from objects', () => {
  // That it compiles is the test.
  const propertyOf = (value: Value, name: string): Value | undefined => {
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return undefined
    if (Array.isArray(value)) return value[0]
    return value[name]
  }
  assert.equal(propertyOf({ a: 1 }, 'a'), 1)
  assert.equal(propertyOf([2], 'a'), 2)
})

test('the bound is exact', () => {
  assert.throws(() => encode(Buffer.alloc(limits.maxValueBytes + 1)), {
    code: 'VALUE_TOO_LARGE',
    message: /67108865 bytes/,
  })
  assert.throws(() => encode('汉'.repeat(limits.maxValueBytes / 3 + 1)), { code: 'VALUE_TOO_LARGE' })
  assert.throws(() => encode(['x'.repeat(limits.maxValueBytes)]), { code: 'VALUE_TOO_LARGE' })
  assert.equal(encode('x'.repeat(limits.maxValueBytes)).bytes, limits.maxValueBytes)
})

test('what is stored does not follow the caller’s later changes', () => {
  const bytes = Buffer.from('before')
  const encoded = encode(bytes)
  bytes.write('later!')
  assert.equal((decode(encoded) as Buffer).toString(), 'before')
})

test('what is read does not share memory with the frame', () => {
  const frame = Buffer.from('--value--')
  const bytes = decodeValue(ValueKind.BYTES, frame.subarray(2, 7)) as Buffer
  const packed = encode({ bytes: Buffer.from('value') }).wire as Buffer
  const inside = decodeValue(ValueKind.ENCODED, packed) as { bytes: Buffer }
  frame.fill(0)
  packed.fill(0)
  assert.equal(bytes.toString(), 'value')
  assert.equal(Buffer.from(inside.bytes).toString(), 'value')
})

test('short text is sent as text, long text as its bytes', () => {
  assert.equal(typeof encode('x'.repeat(1024)).wire, 'string')
  assert.ok(encode('x'.repeat(1025)).wire instanceof Buffer)
  assert.equal(encode('x'.repeat(1025)).kind, ValueKind.TEXT)
})

test('an answer that is no value is a protocol error', () => {
  const answered = (tag: number, ...bytes: number[]): unknown =>
    readResult(CommandCode.GET, new FrameReader(MessageType.RESULTS, Buffer.from(bytes), 0, undefined), tag)
  const { VALUE, VALUE_AHEAD, NUMBER, FALSE, TRUE, FOREVER, NIL } = ResultTag
  for (const tag of [FALSE, TRUE, FOREVER]) assert.throws(() => answered(tag), { code: 'PROTOCOL' })
  for (const [tag, ...bytes] of [
    [NUMBER, 7],
    [VALUE, 2, 0],
    [VALUE + 3, 1, 0],
    [VALUE_AHEAD],
    [VALUE_AHEAD + 3],
    [255, 1, 0],
    [VALUE + ValueKind.ENCODED, 2, 0xc1, 0xc1],
  ] as const)
    assert.throws(() => answered(tag, ...bytes), { code: 'PROTOCOL' })
  assert.equal(answered(NIL), undefined)
  assert.equal(answered(VALUE + ValueKind.TEXT, 1, 0x61), 'a')
})
