import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { nodeRuntime } from '@icf/common/node'
import { keySlot } from '@icf/common'
import { Client } from './client.js'
import { readOptions } from './options.js'
import { Emitter } from './shell/emitter.js'
import { Session, type ClientEvents } from './shell/session.js'
import { FakeCluster } from './fake-cluster.test.kit.js'

describe('a client of a cluster of sixteen slots', () => {
  let cluster: FakeCluster
  let cache: Client

  before(async () => {
    cluster = await FakeCluster.start({ servers: 5, slotCount: 16 })
    const events = new Emitter<ClientEvents>()
    const session = new Session(nodeRuntime, readOptions({ masters: cluster.addresses }), events, 16)
    await session.ready()
    cache = new Client(session, events)
  })

  after(async () => {
    await cache.close()
    await cluster.stop()
  })

  test('sends every command to the server that owns its key', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
    const astray: unknown[] = []
    for (const server of cluster.servers)
      server.intercept = ({ args: [key] }) => {
        if (cluster.servers[keySlot(key as string, 16) % 5] !== server) astray.push(key)
        return undefined
      }
    await cache.setMany(keys.map((key) => [key, `value of ${key}`]))
    assert.deepEqual(
      await cache.getMany(keys),
      keys.map((key) => `value of ${key}`),
    )
    await cache.set('key 7', 7)
    assert.equal(await cache.get('key 7'), 7)
    assert.equal(await cache.delete('key 8'), true)
    assert.deepEqual(astray, [])
    assert.ok(cluster.servers.every(({ commandCount }) => commandCount > 0))
  })

  test('tells where a key is', () => {
    const { slot, primary } = cache.where('a')
    assert.equal(slot, keySlot('a') % 16)
    assert.equal(primary?.id, cluster.servers[slot % 5]!.id)
    assert.equal(cache.topology.primaryOf(16), undefined)
  })
})
