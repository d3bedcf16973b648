// Who comes while no master is there.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '@icf/testkit/wait'
import { STATE_EVERY_MS, withCluster } from '../support/cluster.js'

it('while no master is there, a new client begins at any cache server, and a new cache server waits until one comes', async () => {
  await withCluster({ servers: 2 }, async (cluster) => {
    const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
    const first = await cluster.connect()
    await first.setMany(keys.map((key) => [key, `value of ${key}`]))
    await first.close()
    await cluster.killMaster()
    for (const { address } of cluster.members) {
      const client = await cluster.connect({ masters: [address] })
      assert.deepEqual(await client.getMany(keys), keys.map((key) => `value of ${key}`)) // prettier-ignore
      await client.setMany(keys.map((key) => [key, `value of ${key}`]))
      await client.close()
    }
    const { child } = await cluster.addServer()
    await waitUntil(() => child.transcript().includes('trying again until a master answers'), {
      what: 'it to find no master',
    })
    assert.ok(child.isRunning)
    cluster.restartMaster()
    await cluster.untilStatus('it to be a member', ({ servers }) => servers.length === 3, {
      everyMs: STATE_EVERY_MS,
    })
  })
})
