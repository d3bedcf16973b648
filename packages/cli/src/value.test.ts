import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, showValue } from './value.js'

test('text and bytes come out as they are', () => {
  assert.deepEqual(showValue('héllo\n'), { kind: 'text', bytes: Buffer.from('héllo\n'), value: 'héllo\n' })
  const shown = showValue(new Uint8Array([0, 255, 10]))
  assert.equal(shown.kind, 'bytes')
  assert.deepEqual([...shown.bytes], [0, 255, 10])
  assert.equal((shown as { base64: string }).base64, 'AP8K')
  assert.equal(showValue(new Uint8Array(0)).bytes.length, 0)
})

test('any other value is one line of JSON', () => {
  const cases: [unknown, string][] = [
    [5, '5\n'],
    [null, 'null\n'],
    [true, 'true\n'],
    [{ name: 'Zhang San', tags: ['a'] }, '{"name":"Zhang San","tags":["a"]}\n'],
    [NaN, '"NaN"\n'],
    [
      { big: 10n, raw: new Uint8Array([1]), at: new Date(0) },
      '{"big":"10","raw":"AQ==","at":"1970-01-01T00:00:00.000Z"}\n',
    ],
  ]
  for (const [value, text] of cases) assert.equal(Buffer.from(showValue(value).bytes).toString(), text)
})

test('a part of a view is that part', () => {
  assert.deepEqual([...showValue(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)).bytes], [2, 3])
})

test('only text and bytes have bytes', () => {
  assert.deepEqual(bytesOf('a'), Buffer.from('a'))
  assert.equal(bytesOf({}), undefined)
})
