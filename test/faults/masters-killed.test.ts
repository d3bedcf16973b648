// Of several masters one is killed while something else goes on: that comes to its end all the same.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster, Server } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'

/** Much data, so that moves are still going on when the fault comes. */
const load = { keys: 40_000, writers: 12, readers: 12 }
/** Before the next master is active, or just after. */
const SHORTLY_MS = 300

/** Kills the active master, perhaps together with a server. @returns what starts it again, and waits until it stands by */
async function killActive(cluster: Cluster, together?: Server): Promise<() => Promise<void>> {
  const { epoch } = await cluster.untilMastersVote()
  const active = await cluster.activeMaster()
  const gone = cluster.killMaster(active)
  if (together) cluster.kill(together, 'SIGKILL')
  await gone
  return async () => {
    await cluster.untilStatus('another master to be active', (status) => status.epoch > epoch)
    cluster.restartMaster(active)
    await cluster.untilMastersVote()
  }
}

describe('under load, of two masters', () => {
  const lab = new FaultLab({ masters: 2, ...load })
  after(() => lab.close())

  it('the active one is killed while a server joins', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      await cluster.untilMastersVote()
      const newcomer = await cluster.addServer()
      const { movesPending } = await cluster.untilStatus('the newcomer to hold some slots', ({ servers }) => {
        const status = servers.find(({ port }) => port === newcomer.port)
        return status !== undefined && status.backupSlots + status.primarySlots > 0
      })
      assert.ok(movesPending > 0)
      const restart = await killActive(cluster)
      await cluster.settled()
      await restart()
    })
  })

  it('the active one is killed while a server is shut down', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const leaver = cluster.members[0]!
      await cluster.beginShutdown(leaver)
      await cluster.untilStatus('moves', ({ movesPending }) => movesPending > 0)
      const restart = await killActive(cluster)
      assert.deepEqual(await leaver.child.exited, { code: 0, signal: null })
      await restart()
    })
  })

  it('the active one is killed together with a server', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const restart = await killActive(cluster, cluster.members[0]!)
      await cluster.settled()
      await restart()
    })
  })

  it('the active one is killed, and shortly afterwards a server', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const restart = await killActive(cluster)
      await delay(SHORTLY_MS)
      cluster.kill(cluster.members[0]!, 'SIGKILL')
      await cluster.settled()
      await restart()
    })
  })

  it('the standby is killed: a server joins without it, and the term goes on', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const { epoch } = await cluster.untilMastersVote()
      const standby = 1 - (await cluster.activeMaster())
      await cluster.killMaster(standby)
      await cluster.addServer()
      await cluster.settled()
      cluster.restartMaster(standby)
      assert.equal((await cluster.untilMastersVote()).epoch, epoch)
    })
  })
})

describe('under load, of three masters', () => {
  const lab = new FaultLab({ masters: 3, servers: 3, ...load, keys: 10_000 })
  after(() => lab.close())

  it('each is killed and started again, one after the other', async (t) => {
    await lab.endure(t, {}, async (cluster, workload) => {
      const [before, { epoch }] = [await cluster.assignment(), await cluster.untilMastersVote()]
      const first = await cluster.activeMaster()
      for (const next of [0, 1, 2]) {
        const master = (first + next) % 3
        await cluster.killMaster(master)
        await workload.progress(2000)
        cluster.restartMaster(master)
        await cluster.untilMastersVote()
      }
      assert.deepEqual(await cluster.assignment(), before, 'slots moved')
      assert.ok((await cluster.status()).epoch > epoch)
    })
  })
})
