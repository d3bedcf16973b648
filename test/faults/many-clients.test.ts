import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withCluster } from '../support/cluster.js'
import { Crowd } from '../support/crowd.js'
import { waitUntil } from '@icf/testkit/wait'

const CLIENTS = 100
/** Connections of as many more to the master. */
const CROWD = 900
const PATIENT = { timeoutMs: 60_000 }

describe('many clients', () => {
  it('come back to a master that was killed and started again: no server is declared dead, all follow', async (t) => {
    await withCluster({ servers: 3 }, async (cluster) => {
      const crowd = new Crowd(CROWD, cluster.masterAddresses[0]!, cluster.name)
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => cluster.connect()))
      try {
        const ids = cluster.servers.map(({ id }) => id)
        const before = clients[0]!.topology
        await waitUntil(() => crowd.areAllAt(before.epoch), { what: 'the crowd to be connected' })
        await cluster.killMaster()
        // Where a busy machine let a lease run out meanwhile, they wait for the next master.
        const writes = Promise.all(clients.map((client, at) => client.set(`key:${at}`, at, PATIENT)))
        const restartedAtMs = performance.now()
        const followed = clients.map(
          (client) =>
            new Promise<number>((resolve) => {
              client.on('topology', ({ epoch }) => {
                if (epoch > before.epoch) resolve(performance.now() - restartedAtMs)
              })
            }),
        )
        cluster.restartMaster()
        await waitUntil(() => clients.every(({ topology }) => topology.epoch > before.epoch), {
          what: 'all clients to follow the new master',
        })
        await waitUntil(() => crowd.areAllAt(before.epoch + 1), { what: 'the crowd to come back' })
        const longestMs = Math.max(...(await Promise.all(followed)))
        t.diagnostic(`the last client followed ${longestMs.toFixed(0)} ms after the start of the process`)
        await writes
        await cluster.settled()
        assert.deepEqual(cluster.servers.map(({ id }) => id), ids) // prettier-ignore
        const types = await cluster.eventTypes()
        assert.ok(!types.includes('REFLESH_IP') && !types.includes('SERVER_SILENT'), types.join())
        await waitUntil(
          async () => {
            const { version } = await cluster.status()
            return clients.every(({ topology }) => topology.version === version)
          },
          { what: 'all clients to have what is settled' },
        )
        const values = await Promise.all(clients.map((client, at) => client.get(`key:${at}`, PATIENT)))
        assert.deepEqual(values, [...clients.keys()])
      } finally {
        crowd.end()
        await Promise.all(clients.map((client) => client.close()))
      }
    })
  })
})
