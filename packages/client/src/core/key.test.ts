import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@icf/common'
import { checkKey } from './key.js'

test('keys of 1 to 4096 bytes of well-formed text are good', () => {
  for (const key of ['a', '键', '{tag}:1', '\0', '🙂', 'x'.repeat(limits.maxKeyBytes), '汉'.repeat(1365)])
    checkKey(key)
})

test('a bad key is refused with what is wrong', () => {
  const bad: [unknown, RegExp][] = [
    ['', /empty/],
    [7, /got number/],
    [null, /got null/],
    [['a'], /got an array/],
    [Buffer.from('a'), /got object/],
    ['x'.repeat(limits.maxKeyBytes + 1), /has 4097 bytes/],
    ['汉'.repeat(1366), /has 4098 bytes/],
    ['a\ud800', /surrogate/],
    ['\udc00b', /surrogate/],
  ]
  for (const [key, message] of bad) assert.throws(() => checkKey(key), { code: 'INVALID_KEY', message })
})
