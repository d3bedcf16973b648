import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur3 } from './murmur3.js'

/** Text, seed, hash: vectors of the reference implementation that other implementations are checked against too. */
const TEXTS: readonly (readonly [string, number, number])[] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['aa', 0x9747b28c, 0x5d211726],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
]

/** Bytes above 0x7f and tails of every length: sign extension is what goes wrong in them. */
const BYTES: readonly (readonly [number[], number, number])[] = [
  [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
  [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
  [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
  [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
  [[0x21, 0x43], 0, 0xa0f7b07a],
  [[0x21], 0, 0x72661cf4],
  [[0, 0, 0, 0], 0, 0x2362f9de],
  [[0, 0, 0], 0, 0x85f0b427],
  [[0, 0], 0, 0x30f4c306],
  [[0], 0, 0x514e28b7],
]

test('murmur3 agrees with the reference vectors', () => {
  for (const [text, seed, hash] of TEXTS) {
    const bytes = new TextEncoder().encode(text)
    assert.equal(murmur3(bytes, bytes.length, seed), hash, JSON.stringify(text))
  }
  for (const [bytes, seed, hash] of BYTES)
    assert.equal(murmur3(Uint8Array.from(bytes), bytes.length, seed), hash, bytes.join(' '))
})

test('murmur3 reads no byte past the length', () => {
  const bytes = new TextEncoder().encode('test and more')
  assert.equal(murmur3(bytes, 4, 0), 0xba6bd213)
})
