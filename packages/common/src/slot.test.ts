import calculateSlot from 'cluster-key-slot'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keySlot } from './slot.js'

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
      assert.equal(keySlot(key), calculateSlot(key))
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
})
