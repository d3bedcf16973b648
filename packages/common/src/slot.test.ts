import calculateSlot from 'cluster-key-slot'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAscii, keyOf } from './key.js'
import { asciiSlot, keySlot } from './slot.js'

describe('keySlot', () => {
  it('knows the slots that the Redis documentation names', () => {
    assert.equal(keySlot('123456789'), 0x31c3)
    assert.equal(keySlot('user:1001'), 5712)
    assert.equal(keySlot('user:1002'), 9779)
  })

  it('goes by the tag where there is one', () => {
    assert.equal(keySlot('{user}:1'), keySlot('user'))
    assert.equal(keySlot('a{user}b{other}'), keySlot('user'))
    assert.equal(keySlot('foo{{bar}}zap'), keySlot('{bar'))
    assert.notEqual(keySlot('foo{}{bar}'), keySlot('bar'))
    assert.notEqual(keySlot('{}}'), keySlot('}'))
  })

  it('agrees with what the Redis clients use, for any text', () => {
    const text = fc.string({ unit: fc.constantFrom('{', '}', 'a', 'é', '漢', '😀', '\0') })
    // The oracle looks for a later brace after `{}`; Redis hashes the whole key then, and so do we.
    const agrees = (key: string): void => {
      fc.pre(!key.includes('{}'))
      assert.equal(keySlot(keyOf(key)), calculateSlot(key))
    }
    fc.assert(fc.property(text, agrees))
    fc.assert(fc.property(fc.string(), agrees))
  })

  it('keeps the low bits where a cluster has fewer slots', () => {
    const key = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(key, fc.constantFrom(2, 16, 64, 8192), (text, slotCount) => {
        assert.equal(keySlot(text, slotCount), keySlot(text) % slotCount)
      }),
    )
  })

  it('goes by the bytes, as Redis does: those of text are its UTF-8', () => {
    const braced = fc.constantFrom(0x7b, 0x7d, 0x61, 0x80, 0xff)
    const bytes = fc.oneof(fc.uint8Array(), fc.uint8Array({ min: 0x7b, max: 0x7d }), fc.array(braced))
    const agrees = (given: ArrayLike<number>): void => {
      const key = Uint8Array.from(given)
      assert.equal(keySlot(keyOf(key)), slotOfBytes(key))
    }
    fc.assert(fc.property(bytes, agrees))
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => agrees(Buffer.from(text))))
  })
})

/** By the words of the specification. */
function slotOfBytes(key: Uint8Array): number {
  const open = key.indexOf(0x7b)
  const close = open === -1 ? -1 : key.indexOf(0x7d, open + 1)
  let crc = 0
  for (const byte of close > open + 1 ? key.subarray(open + 1, close) : key) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return crc % 16384
}

describe('asciiSlot', () => {
  it('is the slot of ASCII text, and nothing of any other', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.string({ unit: fc.constantFrom('{', '}', 'a', 'é', '漢', '\0', '\x7f', '\x80') }),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(text, fc.constantFrom(2, 64, 16384), (given, slotCount) => {
        assert.equal(asciiSlot(given, slotCount), isAscii(given) ? keySlot(given, slotCount) : -1)
      }),
    )
  })
})
