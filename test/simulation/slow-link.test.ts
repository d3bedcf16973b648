// The largest value over links that take seconds for it: nobody is taken for dead meanwhile, and small calls pass it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@icf/common'
import { SimCluster, type SimClient } from './cluster.js'
import { Network } from './virtual/network.js'
import { CALM } from './virtual/weather.js'
import { World } from './virtual/world.js'

const PATIENCE_MS = 300_000
const MIB = 1024 ** 2

for (const uploadMs of [3000, 30_000])
  test(`a value of 64 MiB that takes ${uploadMs / 1000} s to send is stored, copied and read, over the connections there are`, async () => {
    const world = new World(1)
    const bytesPerMs = limits.maxValueBytes / uploadMs
    const network = new Network(world, { ...CALM, bytesPerMs })
    const options = { masters: 1, slotCount: 16, budgets: [512 * MIB], zones: ['zone'] }
    const cluster = new SimCluster(network, options)
    const until = (what: string, isDone: () => boolean): Promise<void> =>
      world.until(what, isDone, PATIENCE_MS)
    let user: SimClient | undefined
    for (const machine of ['machine-0', 'machine-1']) cluster.startServer(machine)
    void cluster.startClient(PATIENCE_MS).then((started) => (user = started))
    await until('the cluster is whole', () => user !== undefined && cluster.isDoubled)
    const { client, process } = user!
    const connections = process.sockets.size
    const { version } = cluster.topology!

    /** How long the call takes; the others that are made meanwhile must be done before. */
    const timed = async (
      call: () => Promise<unknown>,
    ): Promise<{ value: unknown; tookMs: number; small: number; longestMs: number }> => {
      const startedAt = world.now
      let ended: { value: unknown } | undefined
      let [small, longestMs] = [0, 0]
      const keepCalling = async (): Promise<void> => {
        for (; !ended; small++) {
          const key = `small ${startedAt} ${small}`
          const from = world.now
          await client.set(key, small)
          assert.equal(await client.get(key), small)
          longestMs = Math.max(longestMs, world.now - from)
        }
      }
      let tookMs = 0
      let haveEnded = false
      process.turn('calls', () => {
        void call().then((value) => {
          ended = { value }
          tookMs = world.now - startedAt
        })
        void keepCalling().then(() => (haveEnded = true))
      })
      await until('the calls end', () => ended !== undefined && haveEnded)
      return { value: ended!.value, tookMs, small, longestMs }
    }

    const value = Buffer.alloc(limits.maxValueBytes, 'value ')
    const written = await timed(() => client.set('large', value))
    // Sent to the primary, and by that to the backup.
    assert.ok(written.tookMs > 1.9 * uploadMs && written.tookMs < 2.5 * uploadMs, String(written.tookMs))
    const read = await timed(() => client.get('large'))
    assert.ok(read.value instanceof Uint8Array && value.equals(read.value))
    assert.ok(read.tookMs < 1.25 * uploadMs, String(read.tookMs))
    assert.ok(written.small >= 10, `${written.small} small calls passed it`)
    assert.ok(written.longestMs < uploadMs / 20, `one of them took ${written.longestMs} ms`)
    assert.equal(process.sockets.size, connections)
    assert.equal(cluster.topology!.version, version)
  })
