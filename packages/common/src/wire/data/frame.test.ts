import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameReader } from './frame-reader.js'
import { FrameWriter } from './frame-writer.js'

const MOST = Number.MAX_SAFE_INTEGER

function reader(bytes: Uint8Array): FrameReader {
  return new FrameReader(19, Buffer.from(bytes), 0, undefined)
}

const count = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(...[7, 14, 21, 28, 31, 32, 35, 42, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits])),
)
const safeCount = count.filter((value) => value <= MOST)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.string({ unit: 'binary', size: 'large' }),
)
type Field =
  [what: 'count', value: number] | [what: 'text', value: string] | [what: 'bytes', value: Uint8Array]
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.tuple(fc.constant('count' as const), safeCount),
  fc.tuple(fc.constant('text' as const), text),
  fc.tuple(fc.constant('bytes' as const), fc.uint8Array({ size: 'large' })),
)

function write(writer: FrameWriter, [what, value]: Field, i: number): void {
  if (what === 'count') writer.count(value)
  else if (what === 'text') writer.text(value)
  else if (i % 2 === 0) writer.bytes(value)
  else writer.binary(Buffer.from(value).toString('latin1'))
}

function read(frame: FrameReader, [what]: Field): unknown {
  if (what === 'count') return frame.count()
  return what === 'text' ? frame.text(frame.count()) : new Uint8Array(frame.view(frame.count()))
}

test('numbers, text and bytes are read as they were written, from frames that do not share memory', () => {
  const writer = new FrameWriter()
  fc.assert(
    fc.property(fc.array(fc.array(field), { maxLength: 4 }), (frames) => {
      const written = frames.map((fields) => {
        fields.forEach((field, i) => write(writer, field, i))
        return writer.finish()
      })
      frames.forEach((fields, i) => {
        const frame = reader(written[i]!)
        for (const field of fields) assert.deepEqual(read(frame, field), field[1])
        assert.ok(frame.isAtEnd)
      })
    }),
  )
})

test('a frame that is cut off anywhere is refused', () => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5, size: 'small' }), fc.nat(), (fields, n) => {
      const writer = new FrameWriter()
      fields.forEach((field, i) => write(writer, field, i))
      const whole = writer.finish()
      const frame = reader(whole.subarray(0, n % whole.length))
      assert.throws(() => fields.forEach((field) => read(frame, field)), { code: 'PROTOCOL' })
    }),
  )
  for (const size of [3, 0]) assert.throws(() => reader(Buffer.alloc(size)).fixed32(), { code: 'PROTOCOL' })
  for (const size of [5, 0]) assert.throws(() => reader(Buffer.alloc(size)).fixed48(), { code: 'PROTOCOL' })
  assert.throws(() => reader(Buffer.alloc(0)).byte(), { code: 'PROTOCOL' })
})

test('every number at a bound is read as it was written, and one above 2^53 - 1 is refused', () => {
  for (const value of [0, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, MOST]) {
    const writer = new FrameWriter()
    writer.count(value)
    assert.equal(reader(writer.finish()).count(), value)
  }
  const above = { code: 'PROTOCOL', message: `message 19 has a number above ${MOST}` }
  assert.throws(() => reader(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])).count(), above)
  for (const byte of [0x80, 0xff]) assert.throws(() => reader(Buffer.alloc(100_000, byte)).count(), above)
  assert.throws(() => reader(Buffer.from([8])).countTo(7, 'x'), { code: 'PROTOCOL' })
})

test('bytes that last are written as others are, in their place', () => {
  const sizes = [0, 10, 16_383, 16_384, 100_000]
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...sizes), fc.nat(MOST))), (fields) => {
      const [plain, lasting] = [new FrameWriter(), new FrameWriter()]
      for (const [writer, method] of [[plain, 'bytes'], [lasting, 'lastingBytes']] as const) {
        const at = writer.fixed32(0)
        for (const [size, number] of fields) {
          writer[method](Buffer.alloc(size, number % 256))
          writer.count(number)
        }
        writer.patchFixed32(at, fields.length)
      } // prettier-ignore
      assert.equal(lasting.length, plain.length)
      assert.deepEqual(lasting.finish(), plain.finish())
      assert.equal(lasting.length, 0)
    }),
  )
})

test('a frame of long bytes that last takes no more memory than it has', (t) => {
  let allocated = 0
  const { allocUnsafe } = Buffer
  t.mock.method(Buffer, 'allocUnsafe', (size: number) => {
    allocated += size
    return allocUnsafe(size)
  })
  const writer = new FrameWriter()
  const value = Buffer.alloc(100_000)
  for (let i = 0; i < 10; i++) writer.lastingBytes(value)
  const frame = writer.finish()
  assert.ok(allocated < frame.length + 1000, `${allocated} bytes for a frame of ${frame.length}`)
})
