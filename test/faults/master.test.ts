import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { underLoad } from '../support/scenario.js'

describe('under load', () => {
  it('the lone master is killed and started again on its data: nothing moves', async (t) => {
    await underLoad(t, { servers: 3 }, async (cluster, workload) => {
      const before = await cluster.assignment()
      await cluster.killMaster()
      await workload.progress(5000)
      cluster.restartMaster()
      await cluster.settled()
      const after = await cluster.assignment()
      assert.equal(after.filter((pair, slot) => pair !== before[slot]).length, 0, 'slots moved')
    })
  })

  it('the lone master is killed, and its state file is lost: the servers tell it, and nothing moves', async (t) => {
    await underLoad(t, { servers: 3 }, async (cluster, workload) => {
      const before = await cluster.assignment()
      await cluster.killMaster()
      await workload.progress(5000)
      cluster.loseMasterState()
      cluster.restartMaster()
      await cluster.settled()
      assert.deepEqual(await cluster.assignment(), before)
      const { events } = (await cluster.ask('EVENTS')) as { events: { type: string }[] }
      assert.deepEqual(
        events.map(({ type }) => type),
        ['MASTER_STARTED', 'TOPOLOGY_ADOPTED', 'SETTLED', 'COPIES_TOGETHER'],
      )
    })
  })

  it('the lone master is killed while a server joins, and the join goes on after its restart', async (t) => {
    await underLoad(t, { servers: 2, keys: 40_000 }, async (cluster, workload) => {
      const newcomer = await cluster.addServer()
      await cluster.untilStatus('the newcomer to be a member', ({ servers }) =>
        servers.some(({ port }) => port === newcomer.port),
      )
      await cluster.killMaster()
      await workload.progress(2000)
      cluster.restartMaster()
      await cluster.settled()
    })
  })
})
