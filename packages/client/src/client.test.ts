import { commandsOf } from '@icf/testkit/frames'
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { CommandCode, keySlot, limits, type IcfError } from '@icf/common'
import fc from 'fast-check'
import type { Client } from './client.js'
import { connect } from './connect.js'
import type { GivenKey } from './index.js'
import { errorResult, FakeCluster, HOLD } from './fake-cluster.test.kit.js'

describe('a client of three servers', () => {
  let cluster: FakeCluster
  let cache: Client
  before(async () => {
    cluster = await FakeCluster.start({ servers: 3 })
    cache = await connect({ masters: cluster.addresses })
  })
  after(async () => {
    await cache.close()
    await cluster.stop()
  })
  beforeEach(() => {
    for (const server of cluster.servers) {
      server.intercept = undefined
      server.frames.length = 0
    }
  })

  test('set, get, has, ttl, delete', async () => {
    assert.equal(await cache.get('a'), undefined)
    assert.equal(await cache.set('a', { name: 'x' }, { ttlMs: 60_000 }), undefined)
    assert.deepEqual(await cache.get('a'), { name: 'x' })
    assert.equal(await cache.has('a'), true)
    const ttlMs = await cache.ttl('a')
    assert.ok(typeof ttlMs === 'number' && ttlMs > 50_000 && ttlMs <= 60_000)
    assert.equal(await cache.delete('a'), true)
    assert.equal(await cache.delete('a'), false)
    assert.equal(await cache.has('a'), false)
    assert.equal(await cache.ttl('a'), undefined)
    await cache.set('a', 'for ever', { ack: 'primary' })
    assert.equal(await cache.ttl('a'), null)
  })

  test('values come back through real frames as they were', async () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.jsonValue({ stringUnit: 'binary' }).filter((json) => !JSON.stringify(json).includes('__proto__')),
    )
    await fc.assert(
      fc.asyncProperty(value, async (stored) => {
        await cache.set('value', stored as never)
        // What JSON does to it, -0 becoming 0, is all that happens to it.
        const expected: unknown = Buffer.isBuffer(stored) ? stored : JSON.parse(JSON.stringify(stored))
        assert.deepEqual(await cache.get('value'), expected)
      }),
      { numRuns: 300 },
    )
  })

  test('values around the bounds of chunks', async () => {
    for (const bytes of [limits.chunkBytes - 1, limits.chunkBytes, limits.chunkBytes + 1, 3_000_000]) {
      const value = Buffer.alloc(bytes, 'icf!')
      await cache.set('large', value)
      assert.ok(value.equals((await cache.get<Buffer>('large'))!), `${bytes} bytes`)
      await cache.set('large', value.toString())
      assert.equal(await cache.get('large'), value.toString())
    }
  })

  test('calls of one turn share a frame for each server, also when they come from promise reactions', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    const read = async (key: string): Promise<unknown> => {
      await Promise.resolve()
      return cache.get(key)
    }
    await Promise.all(keys.map(read))
    for (const { frames } of cluster.servers) assert.equal(frames.length, 1)
  })

  test('each key goes to the server that owns its slot', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `{${i}} key`)
    await cache.setMany(keys.map((key) => [key, key]))
    assert.deepEqual(await cache.getMany(keys), keys)
    for (const [seat, { frames }] of cluster.servers.entries())
      for (const { args } of frames.flatMap(commandsOf))
        assert.equal(cluster.topology.primary[keySlot(args[0] as string)], seat)
  })

  test('getMany and setMany', async () => {
    await cache.setMany(new Map([['m1', 1]]), { ttlMs: 1000 })
    await cache.setMany([['m2', [2]]])
    assert.deepEqual(await cache.getMany(['m2', 'none', 'm1', 'm2']), [[2], undefined, 1, [2]])
    assert.deepEqual(await cache.getMany([]), [])
    await cache.setMany([])
    await assert.rejects(cache.getMany(['m1', '']), { code: 'INVALID_KEY' })
    await assert.rejects(cache.getMany('m1' as never), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(cache.setMany({ m1: 1 } as never), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(cache.setMany(['m1'] as never), {
      code: 'INVALID_ARGUMENT',
      message: /\[key, value\], got "m1"/,
    })
    await assert.rejects(
      cache.setMany([
        ['m1', 'new'],
        ['m2', 1n as never],
      ]),
      { code: 'INVALID_VALUE' },
    )
    assert.equal(await cache.get('m1'), 1, 'with an invalid entry nothing is sent')
    await assert.rejects(cache.getMany(Array.from({ length: 70_000 }, String)), { code: 'INVALID_ARGUMENT' })
  })

  test('getMany and setMany: the error names the keys that failed, the others are done', async () => {
    const [full] = cluster.servers
    const [bad, good] = [cluster.keyOf(0), cluster.keyOf(1)]
    full!.intercept = () => errorResult('VALUE_TOO_LARGE', cluster.topology)
    const entries: [string, number][] = [
      [good, 1],
      [bad, 2],
    ]
    const expected = { code: 'VALUE_TOO_LARGE', keys: [bad] }
    await assert.rejects(cache.setMany(entries), {
      ...expected,
      message: new RegExp(`^1 of 2 keys failed: SET "${bad}": fake`),
    })
    await assert.rejects(cache.getMany([bad, good]), { ...expected, values: [undefined, 1] })
    assert.equal(await cache.get(good), 1)
  })

  test('text and its UTF-8 are the same key', async () => {
    for (const text of ['k', '键🙂', '{é}1']) {
      const bytes = Buffer.from(text)
      await cache.set(text, 'by text')
      assert.deepEqual(await cache.getMany([bytes, text]), ['by text', 'by text'])
      await cache.set(bytes, 'by bytes', { ttlMs: 60_000 })
      assert.equal(await cache.get(text), 'by bytes')
      assert.ok((await cache.ttl(bytes))! > 0)
      assert.deepEqual(cache.where(text), cache.where(bytes))
      assert.deepEqual(cache.topology.where(text), cache.where(bytes))
      await cache.setMany([[text, 1], [bytes, 2]]) // prettier-ignore
      assert.equal(await cache.get(new TextEncoder().encode(text)), 2)
      assert.deepEqual([await cache.has(bytes), await cache.delete(bytes), await cache.has(text)], [true, true, false]) // prettier-ignore
    }
  })

  test('bytes of a key are read at once', async () => {
    const key = Buffer.from('first')
    const stored = Promise.all([cache.set(key, 1), cache.setMany([[key, 1]]), cache.getMany([key])])
    key.write('later')
    await stored
    assert.deepEqual(await cache.getMany(['first', 'later']), [1, undefined])
  })

  test('an error names the keys that failed as they were given', async () => {
    const [full] = cluster.servers
    full!.intercept = () => errorResult('VALUE_TOO_LARGE', cluster.topology)
    const [first, second, good] = [Buffer.from(cluster.keyOf(0)), cluster.keyOf(0, 2), cluster.keyOf(1)]
    const expected = {
      code: 'VALUE_TOO_LARGE',
      message: /^2 of 3 keys failed \("key-0-\d+", "key-2-\d+"\): /,
    }
    const failed = async (call: Promise<unknown>): Promise<unknown> => {
      const error = await call.then(
        () => assert.fail('it succeeded'),
        (reason: IcfError) => reason,
      )
      assert.equal(error.code, expected.code)
      assert.match(error.message, expected.message)
      return error.keys
    }
    // Of one key given twice, as it was given last.
    const entries: [GivenKey, number][] = [[first.toString(), 0], [good, 1], [second, 2], [first, 3]] // prettier-ignore
    assert.deepEqual(new Set((await failed(cache.setMany(entries))) as unknown[]), new Set([first, second]))
    assert.deepEqual(new Set((await failed(cache.getMany([first, good, second]))) as unknown[]), new Set([first, second])) // prettier-ignore
  })

  test('setMany sends the last entry of each key only', async () => {
    const large = Buffer.alloc(limits.chunkBytes + 1)
    await cache.setMany([
      ['m1', large],
      ['m2', 'other'],
      ['m1', 'last'],
    ])
    assert.deepEqual(await cache.getMany(['m1', 'm2']), ['last', 'other'])
    const writes = cluster.servers
      .flatMap(({ frames }) => frames.flatMap(commandsOf))
      .filter(({ code }) => code === CommandCode.SET)
    assert.deepEqual(new Set(writes.map(({ args }) => args[0])), new Set(['m1', 'm2']))
    assert.equal(writes.length, 2)
    await assert.rejects(
      cache.setMany([
        ['m1', 1n as never],
        ['m1', 'new'],
      ]),
      { code: 'INVALID_VALUE' },
    )
  })

  test('bad arguments are refused before anything is sent', async () => {
    const bad: [Promise<unknown>, string][] = [
      [cache.get(''), 'INVALID_KEY'],
      [cache.set('k', undefined as never), 'INVALID_VALUE'],
      [cache.set('k', 1, { ttlMs: 0 }), 'INVALID_ARGUMENT'],
      [cache.set('k', 1, { ttlMs: 1.5 }), 'INVALID_ARGUMENT'],
      [cache.set('k', 1, { ttlMs: limits.maxTtlMs + 1 }), 'INVALID_ARGUMENT'],
      [cache.set('k', 1, { ack: 'all' as never }), 'INVALID_ARGUMENT'],
      [cache.get('k', { timeoutMs: 0 }), 'INVALID_ARGUMENT'],
      [cache.get('k', { timeoutMs: Infinity }), 'INVALID_ARGUMENT'],
      [cache.get('k', { signal: {} as never }), 'INVALID_ARGUMENT'],
      [cache.get('k', { timeout: 5 } as never), 'INVALID_ARGUMENT'],
      [cache.get('k', { ttlMs: 5 } as never), 'INVALID_ARGUMENT'],
      [cache.set('k', 1, { ttl: 5 } as never), 'INVALID_ARGUMENT'],
      [cache.set('k', 1, 5 as never), 'INVALID_ARGUMENT'],
      [cache.delete('k', null as never), 'INVALID_ARGUMENT'],
      [cache.getMany(['k'], { ack: 'primary' } as never), 'INVALID_ARGUMENT'],
      [cache.setMany([['k', 1]], { ttl: 5 } as never), 'INVALID_ARGUMENT'],
    ]
    for (const [call, code] of bad) await assert.rejects(call, { name: 'IcfError', code })
    assert.throws(() => cache.where(''), { code: 'INVALID_KEY' })
    for (const { frames } of cluster.servers) assert.equal(frames.length, 0)
  })

  test('where and topology tell the owner', () => {
    const { epoch, version, servers } = cache.topology
    assert.deepEqual([epoch, version, servers.length], [1, 1, 3])
    const { slot, primary, backup } = cache.where('a')
    assert.equal(slot, keySlot('a'))
    assert.equal(primary!.id, cluster.servers[slot % 3]!.id)
    assert.equal(backup, undefined)
    assert.equal(cache.topology.primaryOf(slot), primary)
    assert.equal(cache.topology.primaryOf(16384), undefined)
  })

  test('a signal that was aborted before: nothing is sent', async () => {
    const reason = new Error('changed my mind')
    await assert.rejects(cache.get('k', { signal: AbortSignal.abort(reason) }), {
      code: 'ABORTED',
      cause: reason,
    })
    for (const { frames } of cluster.servers) assert.equal(frames.length, 0)
  })

  test('a signal that is aborted on the way, for one call and for many', async () => {
    for (const server of cluster.servers) server.intercept = () => HOLD
    const controller = new AbortController()
    const { signal } = controller
    const calls = [cache.set('k', 1, { signal }), cache.getMany(['k1', 'k2', 'k3'], { signal })]
    const other = assert.rejects(cache.get('k4', { timeoutMs: 50 }), { code: 'TIMEOUT' })
    const owner = cluster.servers[keySlot('k') % 3]!
    await owner.until('frame', () => owner.commandCount > 0)
    controller.abort()
    for (const call of calls) await assert.rejects(call, { code: 'ABORTED' })
    await assert.rejects(calls[0]!, {
      message: /SET "k" was aborted by its signal; the write may have happened/,
    })
    await other
  })

  test('a signal costs nothing once its calls are done', async (t) => {
    const warned = t.mock.fn((_warning: Error) => undefined)
    process.on('warning', warned)
    const { signal } = new AbortController()
    const added = t.mock.method(signal, 'addEventListener')
    const removed = t.mock.method(signal, 'removeEventListener')
    await Promise.all(Array.from({ length: 200 }, (_, i) => cache.get(`k${i}`, { signal })))
    await cache.getMany(['a', 'b'], { signal })
    assert.equal(added.mock.callCount(), 2)
    assert.equal(removed.mock.callCount(), 2)
    process.off('warning', warned)
    assert.deepEqual(
      warned.mock.calls.map(({ arguments: [warning] }) => String(warning)),
      [],
    )
  })

  test('the deadline of a call', async () => {
    for (const server of cluster.servers) server.intercept = () => HOLD
    const startMs = performance.now()
    await assert.rejects(cache.get('k', { timeoutMs: 60 }), {
      code: 'TIMEOUT',
      message: /it was sent to 127\.0\.0\.1:\d+/,
    })
    const tookMs = performance.now() - startMs
    assert.ok(tookMs >= 60, `${tookMs} ms`)
  })
})

test('bounds: too many calls, too many bytes', async () => {
  const cluster = await FakeCluster.start()
  const [server] = cluster.servers
  const cache = await connect({ masters: cluster.addresses, maxPending: 10, maxPendingBytes: 1000 })
  server!.pause()
  const pending = Array.from({ length: 9 }, (_, i) => cache.get(`k${i}`))
  await assert.rejects(cache.getMany(['a', 'b']), { code: 'BUSY', message: /too many calls under way: 9/ })
  await assert.rejects(cache.set('k', 'x'.repeat(990)), { code: 'BUSY', message: /too many bytes under way/ })
  pending.push(cache.get('k9'))
  await assert.rejects(cache.get('k10'), { code: 'BUSY', message: /too many calls under way: 10/ })
  server!.resume()
  await Promise.all(pending)
  assert.equal(await cache.get('k'), undefined)
  const encoded = new Set<string>()
  const entries = Array.from({ length: 9 }, (_, i): [string, object] => [
    `k${i}`,
    {
      get text() {
        encoded.add(`k${i}`)
        return 'x'.repeat(600)
      },
    },
  ])
  await assert.rejects(cache.setMany(entries), { code: 'BUSY', message: /too many bytes under way/ })
  assert.equal(encoded.size, 2, 'nothing is encoded past the bound')
  await cache.close()
  await cluster.stop()
})
