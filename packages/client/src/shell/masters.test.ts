import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { emptyTopology, MessageType, type Topology } from '@icf/common'
import { FakeCluster } from '../fake-cluster.test.kit.js'
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
