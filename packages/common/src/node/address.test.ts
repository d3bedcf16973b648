import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, parseAddress } from './address.js'

test('addresses are read, and written in one way only', () => {
  const cases: [string, string][] = [
    ['127.0.0.1:7000', '127.0.0.1:7000'],
    [' cache-1.example.com:07001 ', 'cache-1.example.com:7001'],
    ['[::1]:7000', '[::1]:7000'],
  ]
  for (const [text, written] of cases) assert.equal(formatAddress(parseAddress(text)), written)
})

test('what is no address is refused, with what would be right', () => {
  for (const text of [
    '',
    ':7000',
    'a#b:7001',
    'a?b:7001',
    'u@h:1',
    'a/b:1',
    '::1:7000',
    'h:0',
    'h:65536',
    'h:7k',
  ])
    assert.throws(() => parseAddress(text), {
      code: 'INVALID_ARGUMENT',
      message: /is not an address: write host:port, for example 127\.0\.0\.1:7000$/,
    })
  assert.throws(() => parseAddress('localhost'), { message: /write host:port, for example localhost:7000$/ })
})
