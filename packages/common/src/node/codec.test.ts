import assert from 'node:assert/strict'
import { it } from 'node:test'
import { encodeFrame } from './codec.js'

it('keeps no large buffer for a short frame', () => {
  const large = encodeFrame([20, Buffer.alloc(1024 * 1024)])
  const short = encodeFrame([20, 'short'])
  assert.ok(large.buffer.byteLength > 1024 * 1024)
  assert.ok(short.buffer.byteLength <= 65_536)
  assert.deepEqual(short, encodeFrame([20, 'short']))
})
