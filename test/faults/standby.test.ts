// Two masters, one active, the other a standby, and three cache servers that vote with them.
import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import type { Status } from '@icf/common'
import type { Cluster } from '../support/cluster.js'
import { waitUntil } from '@icf/testkit/wait'
import { askOneMaster } from '../support/admin.js'
import { FaultLab } from '../support/fault-lab.js'
import { runIcf } from '../support/icf.js'
import type { Workload } from '../support/workload/workload.js'

/** Long after the standby has taken over. */
const PAUSE_MS = 10_000

const lab = new FaultLab({ servers: 3, masters: 2, keys: 20_000 })
after(() => lab.close())

/** Runs `fault` under load, and requires that no slot has moved by it. */
async function withStandby(
  t: TestContext,
  fault: (cluster: Cluster, workload: Workload, active: number, epoch: number) => Promise<void>,
): Promise<void> {
  await lab.endure(t, {}, async (cluster, workload) => {
    await cluster.untilMastersVote()
    const [before, { epoch }] = [await cluster.assignment(), await cluster.status()]
    await fault(cluster, workload, await cluster.activeMaster(), epoch)
    await cluster.settled()
    assert.deepEqual(await cluster.assignment(), before, 'slots moved')
    assert.ok((await cluster.status()).epoch > epoch)
  })
}

describe('under load', () => {
  it('the active master is killed: the standby goes on, and the other one stands by when it is back', async (t) => {
    await withStandby(t, async (cluster, workload, active, before) => {
      await cluster.killMaster(active)
      const taken = await cluster.untilStatus('the standby to take over', ({ epoch }) => epoch > before)
      assert.deepEqual(taken.masters.map(({ role, alive }) => [role, alive]), [['active', true], ['standby', false]]) // prettier-ignore
      await workload.progress(5000)
      cluster.restartMaster(active)
      const back = await cluster.untilStatus('the other to stand by', ({ masters }) =>
        masters.every(({ alive }) => alive),
      )
      assert.equal(back.epoch, taken.epoch)
      assert.notEqual(await cluster.activeMaster(), active)
    })
  })

  it('the active master hands over: to whom an operator names, and when it is told to end', async (t) => {
    await withStandby(t, async (cluster, workload, first, before) => {
      const second = 1 - first
      const to = cluster.masterAddresses[second]!
      const taken = await runIcf(['failover', '--to', to, '--json', ...cluster.connectArgs])
      assert.equal(taken.code, 0, taken.stderr)
      const { epoch, master } = JSON.parse(taken.stdout) as { epoch: number; master: { port: number } }
      assert.ok(epoch > before)
      assert.ok(to.endsWith(`:${master.port}`))
      assert.equal(await cluster.activeMaster(), second)
      await workload.progress(2000)
      assert.deepEqual(await cluster.endMaster(second), { code: 0, signal: null })
      await cluster.untilStatus('the other to be active', (status) => status.epoch > epoch)
      await workload.progress(2000)
      cluster.restartMaster(second)
      await cluster.untilMastersVote()
      assert.equal(await cluster.activeMaster(), first)
    })
  })

  it('the active master stands still for 10 s: the standby goes on; the other one does nothing more, and follows it', async (t) => {
    await withStandby(t, async (cluster, workload, active, before) => {
      cluster.pauseMaster('SIGSTOP', active)
      const paused = performance.now()
      await workload.progress(5000)
      await waitUntil(() => performance.now() - paused >= PAUSE_MS, { what: 'the pause to end' })
      // It comes while that master stands still, and is among the first things that it sees then.
      const order = askOneMaster(cluster.masterAddresses[active]!, cluster.name, 'SHUTDOWN_CACHE', {
        servers: [cluster.members[0]!.address],
        dryRun: false,
      })
      order.catch(() => undefined)
      const other = [cluster.masterAddresses[1 - active]!]
      const hasTakenOver = (status: Status): boolean => status.epoch > before
      const taken = await cluster.untilStatus('the standby to be active', hasTakenOver, { masters: other })
      cluster.pauseMaster('SIGCONT', active)
      await assert.rejects(order, { code: 'STANDBY' })
      const { epoch } = await cluster.untilMastersVote()
      assert.equal(epoch, taken.epoch)
      assert.notEqual(await cluster.activeMaster(), active)
    })
  })

  it('both masters are killed, and one comes back alone: it goes on with the cache servers', async (t) => {
    await withStandby(t, async (cluster, workload, active) => {
      const standby = 1 - active
      await cluster.killMaster(standby)
      await cluster.killMaster(active)
      await workload.progress(5000)
      cluster.restartMaster(standby)
      await cluster.settled()
      cluster.restartMaster(active)
      await cluster.untilMastersVote()
      assert.equal(await cluster.activeMaster(), standby)
    })
  })

  it('a standby that is lost is forgotten, and has a vote again when it is back all the same', async (t) => {
    await lab.endure(t, {}, async (cluster) => {
      await cluster.untilMastersVote()
      const standby = 1 - (await cluster.activeMaster())
      const forget = (): ReturnType<typeof runIcf> =>
        runIcf(['forget', '--master', cluster.masterAddresses[standby]!, ...cluster.connectArgs])
      const early = await forget()
      assert.notEqual(early.code, 0)
      assert.match(early.stderr, /is connected: end its process before it is forgotten/)
      await cluster.killMaster(standby)
      await cluster.untilStatus('the standby to be missed', ({ masters }) =>
        masters.some(({ alive }) => !alive),
      )
      const { code, stdout, stderr } = await forget()
      assert.equal(code, 0, stderr)
      assert.match(stdout, /has no vote any more/)
      await cluster.untilStatus('one master to be left', ({ masters }) => masters.length === 1)
      cluster.restartMaster(standby)
      await cluster.untilMastersVote()
    })
  })
})
