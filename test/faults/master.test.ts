import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { FaultLab } from '../support/fault-lab.js'

describe('under load', () => {
  /** Much data, so that a join takes its time. */
  const lab = new FaultLab({ keys: 40_000 })
  after(() => lab.close())

  it('the lone master is killed while a server joins, and the join goes on after its restart', async (t) => {
    await lab.endure(t, { servers: 2 }, async (cluster, workload) => {
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

  it('the lone master is killed and started again on its data: nothing moves', async (t) => {
    await lab.endure(t, {}, async (cluster, workload) => {
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
    await lab.endure(t, {}, async (cluster, workload) => {
      const before = await cluster.assignment()
      await cluster.killMaster()
      await workload.progress(5000)
      cluster.loseMasterState()
      cluster.restartMaster()
      await cluster.settled()
      assert.deepEqual(await cluster.assignment(), before)
      assert.deepEqual(await cluster.eventTypes(), [
        'MASTER_STARTED',
        'TOPOLOGY_ADOPTED',
        'SETTLED',
        'COPIES_TOGETHER',
      ])
    })
  })
})
