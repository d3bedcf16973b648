import { limits } from '@icf/common'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entryCost } from './entry-cost.js'
import { costOf } from './entry.js'
import { arrivedValue, keptBytes, ownBytes, storedValue } from './stored-value.js'

/** The longest that is copied as text. */
const SHORT = 4096
const AT = 100

/** Every byte there is, over and over. */
function bytesOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => i % 256))
}

/** A frame in which the value stands. */
function frameWith(value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(AT, 0xaa), value, Buffer.alloc(AT, 0xbb)])
}

/** From a frame that is used again for something else. */
function storedFrom(value: Uint8Array): string | Uint8Array {
  const frame = frameWith(value)
  const stored = storedValue(frame, AT, value.length)
  frame.fill(0)
  return stored
}

describe('a copy of a value that stands in memory of others', () => {
  for (const length of [0, 1, 256, SHORT])
    it(`is a text of its bytes when it has ${length} of them`, () => {
      const stored = storedFrom(bytesOf(length))
      assert.ok(typeof stored === 'string')
      assert.equal(stored.length, length)
      assert.deepEqual(Buffer.from(stored, 'latin1'), bytesOf(length))
    })

  it('is bytes in a memory of its own, of their length, when it has more', () => {
    const stored = storedFrom(bytesOf(SHORT + 1))
    assert.ok(stored instanceof Uint8Array)
    assert.equal(stored.buffer.byteLength, SHORT + 1)
    assert.deepEqual(stored, bytesOf(SHORT + 1))
  })

  it('costs its bytes, whatever characters they are of', () => {
    for (const text of ['x'.repeat(300), 'é'.repeat(150), '漢'.repeat(100), '😀'.repeat(75)])
      assert.equal(costOf('k', storedFrom(Buffer.from(text))), entryCost(1, 300))
    const more = costOf('k', storedFrom(bytesOf(50_000))) - costOf('k', storedFrom(bytesOf(40_000)))
    assert.equal(more, 10_000)
  })
})

describe('a value that has come', () => {
  const LONG = limits.chunkBytes + 1

  it('is where it stands, in the frame', () => {
    for (const length of [0, 256, limits.chunkBytes]) {
      const frame = frameWith(bytesOf(length))
      const value = arrivedValue(frame, AT, length, undefined)
      assert.deepEqual([value.buffer, value.byteOffset], [frame.buffer, frame.byteOffset + AT])
      assert.deepEqual(value, bytesOf(length))
    }
  })

  it('is in memory of its own when it is long', () => {
    const frame = frameWith(bytesOf(LONG))
    const value = arrivedValue(frame, AT, LONG, undefined)
    frame.fill(0)
    assert.deepEqual(value, bytesOf(LONG))
  })

  it('is what was sent ahead', () => {
    const ahead = bytesOf(10)
    assert.equal(arrivedValue(frameWith(Buffer.alloc(0)), 0, 0, ahead), ahead)
  })

  it('is kept as a copy, unless it has memory of its own', () => {
    for (const length of [0, 256, limits.chunkBytes]) {
      const frame = frameWith(bytesOf(length))
      const kept = keptBytes(arrivedValue(frame, AT, length, undefined))
      frame.fill(0)
      assert.deepEqual(kept, bytesOf(length))
    }
    const long = bytesOf(LONG)
    assert.equal(keptBytes(long), long)
    assert.deepEqual(keptBytes('a\xff'), Buffer.from([0x61, 0xff]))
  })
})

it('a copy in memory of its own has no more of that than its bytes', () => {
  for (const length of [0, 1, 100, 5000, 100_000]) {
    const frame = frameWith(bytesOf(length))
    const own = ownBytes(frame.subarray(AT, AT + length))
    frame.fill(0)
    assert.equal(own.buffer.byteLength, length)
    assert.deepEqual(own, bytesOf(length))
  }
})
