import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { emptyTopology, encodeDifference, keySlot, MessageType, NONE } from '@icf/common'
import type { Client } from './client.js'
import { connect } from './connect.js'
import { errorResult, FakeCluster, HOLD, type FakeServer } from './fake-cluster.test.kit.js'

async function withCluster(
  options: { servers?: number; masters?: number },
  run: (cluster: FakeCluster, cache: Client, servers: FakeServer[]) => Promise<void>,
): Promise<void> {
  const cluster = await FakeCluster.start({ servers: 2, ...options })
  const cache = await connect({ masters: cluster.addresses })
  try {
    await run(cluster, cache, cluster.servers)
  } finally {
    await cache.close()
    await cluster.stop()
  }
}

function nextEvent(cache: Client, name: 'topology' | 'masterLost' | 'masterConnected'): Promise<unknown> {
  return new Promise((resolve) => cache.once(name, resolve))
}

describe('the client goes on', () => {
  test('when slots move: NOT_OWNER, then the pushed topology', () =>
    withCluster({}, async (cluster, cache, [, b]) => {
      const key = cluster.keyOf(0)
      await cache.set(key, 'v')
      const before = cluster.set({ owner: () => 1 })
      const refused = cluster.servers[0]!.until('frame', () => cluster.servers[0]!.frames.length > 1)
      const reading = cache.get(key)
      await refused
      cluster.push(before)
      assert.equal(await reading, 'v')
      assert.equal(cache.where(key).primary!.id, b!.id)
    }))

  test('when slots move and no topology is pushed: it asks for one', () =>
    withCluster({}, async (cluster, cache) => {
      const key = cluster.keyOf(0)
      cluster.set({ owner: () => 1 })
      assert.equal(await cache.get(key), undefined)
      const requests = cluster.masters[0]!.received.filter(
        ([type]) => type === MessageType.DISTRIBUTION_REQUEST,
      )
      assert.ok(requests.length > 0)
    }))

  test('when a server’s process dies: what was in flight is answered by the new owner', () =>
    withCluster({}, async (cluster, cache, [a, b]) => {
      const key = cluster.keyOf(0)
      await cache.set(key, 'v')
      a!.intercept = () => HOLD
      const calls = [cache.get(key), cache.has(key), cache.delete(key)]
      await a!.until('frame', () => a!.commandCount > 1)
      const suspected = cluster.masters[0]!.until('message', () =>
        cluster.masters[0]!.received.some(([type, id]) => type === MessageType.SUSPECT && id === a!.id),
      )
      await a!.stop()
      await suspected
      const before = cluster.set({ servers: [undefined, b!.info], owner: () => 1 })
      cluster.push(before, MessageType.REFLESH_IP)
      assert.deepEqual(await Promise.all(calls), ['v', true, true])
    }))

  test('when a server stands still with its connections open: its calls go to the new owner', () =>
    withCluster({}, async (cluster, cache, [a, b]) => {
      const key = cluster.keyOf(0)
      a!.pause()
      const writing = cache.set(key, 'v')
      await a!.until('frame', () => a!.frames.length > 0)
      const lost = new Promise((resolve) => cache.once('serverLost', resolve))
      const before = cluster.set({ servers: [undefined, b!.info], owner: () => 1 })
      const closed = once(a!, 'closed')
      cluster.push(before, MessageType.REFLESH_IP)
      await writing
      assert.equal(((await lost) as { id: string }).id, a!.id)
      assert.equal(b!.commandCount, 1)
      await closed
    }))

  test('when a connection breaks but the server stays', () =>
    withCluster({}, async (cluster, cache, [a]) => {
      const key = cluster.keyOf(0)
      a!.intercept = () => HOLD
      const writing = cache.set(key, 'v')
      await a!.until('frame', () => a!.frames.length > 0)
      a!.intercept = undefined
      for (const link of a!.links) link.terminate()
      await writing
      assert.equal(cluster.entries.size, 1)
    }))

  test('when a server is busy', () =>
    withCluster({ servers: 1 }, async (cluster, cache, [a]) => {
      let refusals = 3
      a!.intercept = () => (refusals-- > 0 ? errorResult('BUSY', cluster.topology) : undefined)
      await cache.set('k', 'v')
      assert.equal(a!.commandCount, 4)
    }))

  test('when another process took a dead server’s address', () =>
    withCluster({ servers: 1 }, async (cluster, cache, [a]) => {
      const { port } = a!
      await a!.stop()
      const heir = cluster.newServer()
      await heir.start(port)
      const master = cluster.masters[0]!
      await master.until('message', () => master.received.some(([type]) => type === MessageType.SUSPECT))
      const writing = cache.set('k', 'v')
      const before = cluster.set({ servers: [heir.info] })
      cluster.push(before)
      await writing
      assert.equal(heir.commandCount, 1)
      await heir.stop()
    }))

  test('without any master, and finds it again', () =>
    withCluster({}, async (cluster, cache) => {
      const [master] = cluster.masters
      const lost = nextEvent(cache, 'masterLost')
      await master!.stop()
      await lost
      await cache.set('k', 'v')
      assert.equal(await cache.get('k'), 'v')
      cluster.set({ owner: () => 1 })
      const found = nextEvent(cache, 'topology')
      await master!.start(master!.port)
      await found
      assert.equal(cache.topology.version, 2)
      assert.equal(await cache.get('k'), 'v')
    }))

  test('while a slot has no server, until it gets one', () =>
    withCluster({ servers: 1 }, async (cluster, cache, [a]) => {
      const before = cluster.set({ owner: () => NONE })
      const told = nextEvent(cache, 'topology')
      cluster.push(before)
      await told
      const writing = cache.set('k', 'v')
      assert.equal(a!.frames.length, 0)
      cluster.push(cluster.set({ owner: () => 0 }))
      await writing
    }))
})

describe('topologies', () => {
  test('an older one is never followed, whoever sends it', () =>
    withCluster({ masters: 2 }, async (cluster, cache) => {
      const old = cluster.topology
      cluster.push(cluster.set({ epoch: 2 }))
      await nextEvent(cache, 'topology')
      const newest = cluster.topology
      cluster.topology = { ...old, version: 9 }
      cluster.pushWhole()
      cluster.topology = newest
      cluster.push(cluster.set({}))
      await nextEvent(cache, 'topology')
      assert.deepEqual([cache.topology.epoch, cache.topology.version], [2, 3])
    }))

  test('a difference from one that is not known: the whole is asked for', () =>
    withCluster({}, async (cluster, cache) => {
      cluster.set({})
      const unknown = cluster.set({})
      cluster.push(unknown)
      await nextEvent(cache, 'topology')
      assert.equal(cache.topology.version, 3)
      const requests = cluster.masters[0]!.received.filter(
        ([type]) => type === MessageType.DISTRIBUTION_REQUEST,
      )
      assert.equal(requests.length, 1)
    }))

  test('events tell who joined and who was lost', () =>
    withCluster({ servers: 2 }, async (cluster, cache, [a, b]) => {
      const events: string[] = []
      cache.on('serverJoined', ({ id }) => events.push(`joined ${id}`))
      cache.on('serverLost', ({ id }) => events.push(`lost ${id}`))
      const c = cluster.newServer()
      await c.start()
      cluster.push(cluster.set({ servers: [a!.info, b!.info, c.info] }), MessageType.ADD_CACHE_SERVER)
      await nextEvent(cache, 'topology')
      cluster.push(
        cluster.set({ servers: [undefined, b!.info, c.info], owner: () => 2 }),
        MessageType.REFLESH_IP,
      )
      await nextEvent(cache, 'topology')
      assert.deepEqual(events, [`joined ${c.id}`, `lost ${a!.id}`])
      await cache.set('k', 'v')
      assert.equal(c.commandCount, 1)
      await c.stop()
    }))

  test('a malformed one costs the sender its connection and the client nothing', () =>
    withCluster({}, async (cluster, cache) => {
      const [master] = cluster.masters
      const again = nextEvent(cache, 'masterConnected')
      master!.push(MessageType.DISTRIBUTION_RESPOND, [0, 9, 9, 'nonsense'])
      await again
      assert.equal(cache.topology.version, 1)
      await cache.set('k', 'v')
    }))

  test('empty at first: calls wait for the first server', () =>
    withCluster({ servers: 1 }, async (cluster) => {
      const { topology } = cluster
      cluster.topology = { ...emptyTopology(topology.ring), epoch: 1, version: 1 }
      const cache = await connect({ masters: cluster.addresses })
      const writing = cache.set('k', 'v')
      const before = cluster.topology
      cluster.topology = { ...topology, version: 2 }
      for (const master of cluster.masters)
        master.push(MessageType.ADD_CACHE_SERVER, encodeDifference(before, cluster.topology))
      await writing
      assert.equal(cache.where('k').slot, keySlot('k'))
      await cache.close()
    }))
})
