import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bytesOf, isAscii, isTextKey, keyOf, quoteKey, textOf } from './key.js'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
)
const bytes = fc.uint8Array({ maxLength: 60 })

describe('a key', () => {
  it('has one character for each byte, which come back', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        const key = keyOf(given)
        assert.equal(key.length, given.length)
        assert.deepEqual(new Uint8Array(bytesOf(key)), given)
      }),
    )
  })

  it('of text is that of its UTF-8, and the text itself where that is ASCII', () => {
    fc.assert(
      fc.property(text, (given) => {
        const key = keyOf(given)
        assert.equal(key, keyOf(Buffer.from(given)))
        assert.deepEqual(bytesOf(key), Buffer.from(given))
        assert.equal(textOf(key), given)
        assert.equal(key === given, isAscii(given))
        assert.equal(isAscii(given), /^[\0-\x7f]*$/.test(given))
      }),
    )
  })

  it('is text when its bytes are UTF-8, and only then', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        const back = Buffer.from(Buffer.from(given).toString())
        const isText = back.equals(given)
        assert.equal(isTextKey(keyOf(given)), isText)
        assert.equal(textOf(keyOf(given)), isText ? back.toString() : undefined)
      }),
    )
  })
})

describe('quoteKey', () => {
  it('shows text, and escapes what is none', () => {
    const shown: [string | Uint8Array, string][] = [
      ['user:1', '"user:1"'],
      ['漢😀', '"漢😀"'],
      ['a"b\n', '"a\\"b\\n"'],
      [Buffer.from('é'), '"é"'],
      [Buffer.from('a"\\\n\xff\0é…', 'latin1'), '"a\\"\\\\\\x0a\\xff\\x00\\xe9&"'],
    ]
    for (const [given, expected] of shown) assert.equal(quoteKey(keyOf(given)), expected)
  })

  it('cuts a long one', () => {
    assert.equal(quoteKey('a'.repeat(65)), `"${'a'.repeat(64)}…"`)
    assert.equal(quoteKey('a'.repeat(64)), `"${'a'.repeat(64)}"`)
    assert.equal(quoteKey('\xff'.repeat(65)), `"${'\\xff'.repeat(64)}…"`)
  })
})
