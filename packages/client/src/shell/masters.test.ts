import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { emptyTopology, MessageType, type Topology } from '@icf/common'
import { connect } from '../connect.js'
import { FakeCluster, type FakeMaster } from '../fake-cluster.test.kit.js'
import { nodeRuntime } from '@icf/common/node'
import { Masters } from './masters.js'

test('a master that says nothing with its connection open: another is asked, and it is connected to anew', async () => {
  const cluster = await FakeCluster.start({ masters: 2 })
  const [silent, other] = cluster.masters
  const seen = new EventEmitter()
  const [connected, lost]: [number[], number[]] = [[], []]
  let topology: Topology = emptyTopology({ virtualNodes: 1, seed: 0 })
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => seen.on('change', () => condition() && resolve()))
  const masters = new Masters(nodeRuntime, {
    addresses: cluster.masters.map(({ address }) => address),
    self: { role: 'client', cluster: 'icf', id: 'c', details: [] },
    dialTimeoutMs: 10_000,
    pingIntervalMs: 50,
    current: () => topology,
    topology: (newer) => (topology = newer),
    connected: ({ port }) => seen.emit('change', connected.push(port)),
    lost: ({ port }) => seen.emit('change', lost.push(port)),
    failed: (_, error) => assert.fail(error),
  })
  await until(() => connected.length === 2)
  const asked = other!.until('message', () =>
    other!.received.some(([type]) => type === MessageType.DISTRIBUTION_REQUEST),
  )
  for (const link of silent!.links) link.pause()
  await until(() => lost.includes(silent!.port))
  await asked
  await until(() => connected.filter((port) => port === silent!.port).length === 2)
  await masters.close()
  await cluster.stop()
})

test('a topology whose stamp is no number is refused, and ends nothing but its connection', async () => {
  const cluster = await FakeCluster.start()
  const [master] = cluster.masters
  let follow: (topology: Topology) => void
  const followed = new Promise<Topology>((resolve) => (follow = resolve))
  const masters = new Masters(nodeRuntime, {
    addresses: [master!.address],
    self: { role: 'client', cluster: 'icf', id: 'c', details: [] },
    dialTimeoutMs: 10_000,
    current: () => emptyTopology({ virtualNodes: 1, seed: 0 }),
    topology: (newer) => follow(newer),
    connected: () => undefined,
    lost: () => undefined,
    failed: (_, error) => assert.fail(error),
  })
  await followed
  const refused = master!.until('message', () =>
    master!.received.some(([type]) => type === MessageType.REFUSED),
  )
  const again = new Promise<Topology>((resolve) => (follow = resolve))
  // Turned into a number, it throws.
  master!.push(MessageType.DISTRIBUTION_RESPOND, [0, { toString: 1, valueOf: 1 }, 7])
  await refused
  assert.equal((await again).version, cluster.topology.version)
  await masters.close()
  await cluster.stop()
})

/** It keeps who comes, and says nothing. */
function makeStandby(master: FakeMaster): void {
  master.tell = () => undefined
}

test('the topology of whichever master is active is followed, and what is asked or told goes to all that are there', async () => {
  const cluster = await FakeCluster.start({ servers: 2, masters: 3 })
  const [standby, away, active] = cluster.masters as [FakeMaster, FakeMaster, FakeMaster]
  makeStandby(standby)
  await away.stop()
  const cache = await connect({ masters: cluster.addresses })
  const got = (master: FakeMaster, wanted: number): Promise<void> =>
    master.until('message', () => master.received.some(([type]) => type === wanted))
  await standby.until('opened', () => standby.links.size === 1)
  const key = cluster.keyOf(0)
  cluster.set({ owner: () => 1 })
  assert.equal(await cache.get(key), undefined)
  await Promise.all([
    got(standby, MessageType.DISTRIBUTION_REQUEST),
    got(active, MessageType.DISTRIBUTION_REQUEST),
  ])
  await cluster.servers[0]!.stop()
  await Promise.all([got(standby, MessageType.SUSPECT), got(active, MessageType.SUSPECT)])
  await cache.close()
  await cluster.stop()
})

test('a standby that becomes active is followed at once, and the one before not any more', async () => {
  const cluster = await FakeCluster.start({ servers: 2, masters: 2 })
  const [active, standby] = cluster.masters as [FakeMaster, FakeMaster]
  const old = cluster.topology
  const cache = await connect({ masters: cluster.addresses })
  await Promise.all(cluster.masters.map((master) => master.until('opened', () => master.links.size === 1)))
  const next = (): Promise<unknown> => new Promise((resolve) => cache.once('topology', resolve))
  const tell = (master: FakeMaster, topology: Topology): void => {
    cluster.topology = topology
    for (const link of master.links) master.tell(link)
  }
  tell(standby, { ...old, epoch: 2, version: 2 })
  await next()
  tell(active, { ...old, version: 7 })
  tell(standby, { ...old, epoch: 2, version: 3 })
  await next()
  assert.deepEqual([cache.topology.epoch, cache.topology.version], [2, 3])
  await active.stop()
  await cache.set('k', 'v')
  tell(standby, { ...old, epoch: 2, version: 4 })
  await next()
  await standby.stop()
  assert.equal(await cache.get('k'), 'v')
  await cache.close()
  await cluster.stop()
})

test('masters that the topology lists are followed, too', async () => {
  const cluster = await FakeCluster.start({ masters: 2 })
  const [named, other] = cluster.masters as [FakeMaster, FakeMaster]
  const listed = cluster.masters.map(({ self: { id }, address }) => ({
    id,
    ...address,
    httpPort: 0,
    machine: '',
  }))
  cluster.topology = { ...cluster.topology, masters: listed }
  const cache = await connect({ masters: cluster.addresses.slice(0, 1) })
  await other.until('opened', () => other.links.size === 1)
  await named.stop()
  cluster.topology = { ...cluster.topology, epoch: 2, version: 2 }
  const next = new Promise((resolve) => cache.once('topology', resolve))
  for (const link of other.links) other.tell(link)
  await next
  assert.deepEqual([cache.topology.epoch, cache.topology.version], [2, 2])
  await cache.close()
  await cluster.stop()
})
