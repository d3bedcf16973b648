// Two masters, of which a real etcd of three members says which is active, and three cache servers.
import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import { waitUntil } from '@icf/testkit/wait'
import type { Cluster } from '../support/cluster.js'
import { EtcdCluster, findEtcdObstacle } from '../support/etcd.js'
import { FaultLab } from '../support/fault-lab.js'
import { runIcf } from '../support/icf.js'
import type { Workload } from '../support/workload/workload.js'

const skip = findEtcdObstacle() ?? false
/** None where the tests are skipped. */
const etcd = (skip === false ? await EtcdCluster.start() : undefined)!

/** Within that etcd decides that its leader is gone, several times over. */
const OUTAGE_MS = 10_000

const lab = new FaultLab({ servers: 3, masters: 2, keys: 10_000, ...(skip === false && { etcd: etcd.urls }) })
after(async () => {
  await lab.close()
  if (skip === false) await etcd.stop()
})

describe('under load', () => {
  /** Runs `fault` under load, and requires that no slot has moved by it. */
  const endure = (
    t: TestContext,
    fault: (cluster: Cluster, workload: Workload, active: number, epoch: number) => Promise<void>,
  ): Promise<void> =>
    lab.endure(t, {}, async (cluster, workload) => {
      await cluster.untilMastersVote()
      const [before, { epoch }] = [await cluster.assignment(), await cluster.status()]
      await fault(cluster, workload, await cluster.activeMaster(), epoch)
      await cluster.settled()
      assert.deepEqual(await cluster.assignment(), before, 'slots moved')
    })

  it(
    'the active master is killed: the standby goes on, and the other one stands by when it is back',
    { skip },
    (t) =>
      endure(t, async (cluster, workload, active, before) => {
        await cluster.killMaster(active)
        const taken = await cluster.untilStatus('the standby to take over', ({ epoch }) => epoch > before)
        await workload.progress(2000)
        cluster.restartMaster(active)
        await cluster.untilMastersVote()
        assert.equal((await cluster.status()).epoch, taken.epoch)
        assert.notEqual(await cluster.activeMaster(), active)
      }),
  )

  it('the active master stands still until another one is active, and follows that one then', { skip }, (t) =>
    endure(t, async (cluster, workload, active, before) => {
      cluster.pauseMaster('SIGSTOP', active)
      await workload.progress(2000)
      const masters = [cluster.masterAddresses[1 - active]!]
      await cluster.untilStatus('the standby to take over', ({ epoch }) => epoch > before, { masters })
      cluster.pauseMaster('SIGCONT', active)
      await cluster.untilMastersVote()
      assert.notEqual(await cluster.activeMaster(), active)
    }),
  )

  it('the active master hands over to whom an operator names', { skip }, (t) =>
    endure(t, async (cluster, workload, active, before) => {
      const to = cluster.masterAddresses[1 - active]!
      const { code, stderr } = await runIcf(['failover', '--to', to, ...cluster.connectArgs])
      assert.equal(code, 0, stderr)
      await cluster.untilStatus('the other to be active', ({ epoch }) => epoch > before)
      assert.notEqual(await cluster.activeMaster(), active)
      await workload.progress(2000)
    }),
  )

  it('etcd’s leader is killed, and what it had of the past is compacted', { skip }, (t) =>
    endure(t, async (cluster, workload) => {
      const leader = await etcd.leader()
      await etcd.kill(leader)
      await etcd.answers()
      await workload.progress(2000)
      await etcd.compact()
      etcd.restart(leader)
      await etcd.answers()
      await cluster.untilMastersVote()
    }),
  )

  it('etcd has no majority for 10 s: calls go on, and nothing new takes effect until it has', { skip }, (t) =>
    lab.endure(t, {}, async (cluster, workload) => {
      await cluster.untilMastersVote()
      const { epoch, version } = await cluster.status()
      const leader = await etcd.leader()
      const follower = etcd.names.find((name) => name !== leader)!
      const since = performance.now()
      etcd.pause(leader, 'SIGSTOP')
      await etcd.kill(follower)
      const server = await cluster.addServer()
      await waitUntil(() => performance.now() - since > OUTAGE_MS, { what: 'the outage to last' })
      await workload.progress(2000)
      const { servers, ...during } = await cluster.status()
      assert.deepEqual([during.epoch, during.version, servers.length], [epoch, version, 3])
      etcd.pause(leader, 'SIGCONT')
      etcd.restart(follower)
      await etcd.answers()
      await cluster.settled()
      await cluster.shutdown(server)
    }),
  )

  it(
    'an older copy of etcd’s data is put back: the cluster goes on with what its servers know',
    { skip },
    (t) =>
      lab.endure(t, {}, async (cluster, workload) => {
        const putBack = await etcd.snapshot()
        const server = await cluster.addServer()
        await cluster.settled()
        await cluster.shutdown(server)
        await cluster.settled()
        await cluster.untilMastersVote()
        const [before, { epoch }] = [await cluster.assignment(), await cluster.status()]
        await putBack()
        await cluster.untilStatus('a later term', (status) => status.epoch > epoch)
        await workload.progress(2000)
        await cluster.settled()
        assert.deepEqual(await cluster.assignment(), before, 'slots moved')
        await cluster.untilMastersVote()
      }),
  )
})
