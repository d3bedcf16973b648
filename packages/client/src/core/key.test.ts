import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keySlot, limits } from '@icf/common'
import fc from 'fast-check'
import { KeyReader } from './key.js'

const { maxKeyBytes } = limits
const reader = new KeyReader()

function readKey(given: unknown): string {
  const key = reader.read(given, 64)
  assert.equal(reader.slot, keySlot(key, 64))
  return key
}

test('a key is its bytes, one character each: those of the UTF-8 of text', () => {
  const texts = [
    'a',
    '键',
    '{tag}:1',
    '\0',
    '🙂',
    'é',
    '\ufffd',
    'x'.repeat(maxKeyBytes),
    '汉'.repeat(1365),
    '🙂'.repeat(1024),
  ]
  for (const text of texts) {
    const key = readKey(text)
    assert.equal(Buffer.from(key, 'latin1').toString(), text)
    assert.equal(readKey(Buffer.from(text)), key)
    assert.equal(readKey(new TextEncoder().encode(text)), key)
  }
})

test('bytes are a key, whatever they are, and are read at once', () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  for (const bytes of [every, Buffer.alloc(maxKeyBytes, 0xff), new Uint8Array(1), every.subarray(128, 130)])
    assert.deepEqual(Buffer.from(readKey(bytes), 'latin1'), Buffer.from(bytes))
  const given = Buffer.from('before')
  const key = readKey(given)
  given.fill(0)
  assert.equal(key, 'before')
})

test('text and bytes are the same key only where the bytes are the UTF-8 of the text', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(text, fc.uint8Array({ minLength: 1, maxLength: 40 }), (given, bytes) => {
      assert.equal(readKey(given) === readKey(bytes), Buffer.from(given).equals(bytes))
      assert.equal(readKey(given), readKey(Buffer.from(given)))
    }),
  )
})

test('a bad key is refused with what is wrong', () => {
  const bad: [unknown, RegExp][] = [
    ['', /empty/],
    [new Uint8Array(0), /empty/],
    [7, /got number/],
    [null, /got null/],
    [undefined, /got undefined/],
    [['a'], /got an array/],
    [{ length: 1 }, /got object/],
    [new Uint16Array(1), /got object/],
    [new ArrayBuffer(1), /got object/],
    ['x'.repeat(maxKeyBytes + 1), /has 4097 bytes in UTF-8/],
    ['汉'.repeat(1366), /has 4098 bytes in UTF-8/],
    ['🙂'.repeat(1024) + 'a', /has 4097 bytes in UTF-8/],
    [new Uint8Array(maxKeyBytes + 1), /has 4097 bytes;/],
    ['a\ud800', /surrogate/],
    ['\udc00b', /surrogate/],
  ]
  for (const [key, message] of bad) assert.throws(() => readKey(key), { code: 'INVALID_KEY', message })
})
