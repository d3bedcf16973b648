// Keys and values that the SDK can not take: an error with a code, at once, and what was stored stays. And keys that it takes.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { limits } from '@icf/common'
import { connect, type Client } from '@icf/client'
import { Cluster } from '../support/cluster.js'
import { freePort } from '@icf/testkit/ports'

describe('the SDK', () => {
  let cluster: Cluster
  let cache: Client
  before(async () => {
    cluster = await Cluster.start({ servers: 2 })
    cache = await cluster.connect()
  })
  after(async () => {
    await cache.close()
    await cluster.stop()
  })

  const longest = 'k'.repeat(limits.maxKeyBytes)
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const binaryKeys: readonly [what: string, key: Uint8Array][] = [
    ['of all values', every],
    ['that are no UTF-8', Buffer.from([0x61, 0xff])],
    ['of a character that is cut off', Buffer.from('a😀').subarray(0, 3)],
    ['of half a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
    ['of 0', new Uint8Array(1)],
    ['as many as a key may have', Buffer.alloc(limits.maxKeyBytes, 0xff)],
    ['of emoji', Buffer.from('😀'.repeat(limits.maxKeyBytes / 4))],
  ]
  for (const [what, key] of binaryKeys)
    it(`takes a key of bytes ${what}, which is that of no other text`, async () => {
      const bytes = Buffer.from(key)
      const text = bytes.toString()
      const isText = Buffer.from(text).equals(bytes)
      assert.equal(await cache.get(key), undefined)
      await cache.set(key, what, { ttlMs: 60_000 })
      await cache.set(Buffer.concat([Buffer.from([0xfe]), bytes.subarray(1)]), 'another one')
      assert.deepEqual(await cache.getMany([bytes, 'none', key]), [what, undefined, what])
      if (Buffer.byteLength(text) <= limits.maxKeyBytes)
        assert.equal(await cache.get(text), isText ? what : undefined)
      assert.ok((await cache.ttl(key))! > 0)
      assert.ok(cache.where(key).backup)
      assert.deepEqual(
        [await cache.has(key), await cache.delete(key), await cache.has(key)],
        [true, true, false],
      )
    })

  const badKeys: readonly [what: string, key: unknown][] = [
    ['of 0 bytes', ''],
    ['of one byte too many', `${longest}k`],
    ['of too many bytes in UTF-8', '汉'.repeat(limits.maxKeyBytes / 3 + 1)],
    ['that is a number', 7],
    ['that is missing', undefined],
    ['of no bytes', new Uint8Array(0)],
    ['of too many bytes', Buffer.alloc(limits.maxKeyBytes + 1)],
    ['of numbers that are no bytes', new Uint16Array(1)],
    ['with half a surrogate pair', 'a\ud800'],
  ]
  for (const [what, key] of badKeys)
    it(`refuses a key ${what}`, async () => {
      await assert.rejects(cache.get(key as string), { code: 'INVALID_KEY' })
      await assert.rejects(cache.set(key as string, 'v'), { code: 'INVALID_KEY' })
      await assert.rejects(cache.delete(key as string), { code: 'INVALID_KEY' })
    })

  const cycle: unknown[] = []
  cycle.push(cycle)
  const badValues: readonly [what: string, value: unknown][] = [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol inside', { a: Symbol('s') }],
    ['a bigint', 1n],
    ['a cycle', cycle],
    ['an instance of a class', new Map([[1, 2]])],
    ['half a surrogate pair', 'a\udc00'],
  ]
  for (const [what, value] of badValues)
    it(`refuses to store ${what}, and the old value stays`, async () => {
      await cache.set('kept', 'old')
      await assert.rejects(cache.set('kept', value as never), { code: 'INVALID_VALUE' })
      assert.equal(await cache.get('kept'), 'old')
    })

  it('refuses a value over the limit, and the old value stays', async () => {
    await cache.set('kept', 'old')
    const tooLarge = Buffer.alloc(limits.maxValueBytes + 1)
    await assert.rejects(cache.set('kept', tooLarge), { code: 'VALUE_TOO_LARGE' })
    await assert.rejects(cache.set('kept', tooLarge.toString('latin1')), { code: 'VALUE_TOO_LARGE' })
    assert.equal(await cache.get('kept'), 'old')
  })

  it('stores the longest key and the largest value', async () => {
    const largest = Buffer.alloc(limits.maxValueBytes, 'icf')
    // A slow machine takes its time for it: how long is not what this is about.
    const options = { timeoutMs: 60_000 }
    await cache.set(longest, largest, options)
    const stored = await cache.get(longest, options)
    assert.ok(stored instanceof Uint8Array && Buffer.compare(stored, largest) === 0)
    assert.equal(await cache.delete(longest), true)
  })

  it('returns what was set, whatever its type', async () => {
    const values = [
      '',
      'text 汉字 🙂',
      'long '.repeat(100_000),
      0,
      -1.5,
      2 ** 53,
      NaN,
      Infinity,
      true,
      false,
      null,
      [],
      {},
    ]
    const nested = { a: [1, { b: null }], bytes: Buffer.from([1, 2, 3]), '': 'empty name' }
    for (const value of [...values, nested]) {
      await cache.set('any', value)
      assert.deepEqual(await cache.get('any'), value)
    }
    await cache.set('any', new Uint8Array(0))
    assert.equal(((await cache.get('any')) as Uint8Array).length, 0)
  })

  it('says that a master is not there', async () => {
    const master = `127.0.0.1:${await freePort()}`
    await assert.rejects(
      connect({ masters: [master], connectTimeoutMs: 1000 }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'UNREACHABLE')
        assert.ok(error.message.includes(master), error.message)
        return true
      },
    )
  })

  it('is refused by the master of another cluster', async () => {
    const connecting = connect({ masters: cluster.masterAddresses, cluster: 'another' })
    await assert.rejects(connecting, { code: 'WRONG_CLUSTER' })
  })

  it('says after close that it is closed', async () => {
    const other = await cluster.connect()
    await other.close()
    await other.close()
    await assert.rejects(other.get('a'), { code: 'CLOSED' })
  })
})
