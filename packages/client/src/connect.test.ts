import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.js'
import { FakeCluster } from './testing/fake-cluster.js'

test('all commands', async () => {
  const cluster = await FakeCluster.start({ servers: 3, masters: 2 })
  const cache = await connect({ masters: cluster.addresses })
  await cache.set('a', { name: 'x' }, { ttlMs: 60_000 })
  assert.deepEqual(await cache.get('a'), { name: 'x' })
  assert.equal(await cache.has('a'), true)
  const ttl = await cache.ttl('a')
  assert.ok(typeof ttl === 'number' && ttl > 50_000 && ttl <= 60_000)
  assert.equal(await cache.delete('a'), true)
  assert.equal(await cache.delete('a'), false)
  assert.equal(await cache.ttl('a'), undefined)
  await cache.set('b', 'text')
  assert.equal(await cache.ttl('b'), null)
  assert.deepEqual(await cache.getMany(['b', 'a', 'c']), ['text', undefined, undefined])
  await cache.close()
  await cluster.stop()
})
