import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { SLOT_COUNT, type ServerStatus } from '@icf/common'
import { withCluster, type Cluster, type Server } from '../support/cluster.js'
import { runIcf } from '../support/icf.js'
import { FaultLab } from '../support/fault-lab.js'
import { waitUntil } from '@icf/testkit/wait'

const PAUSE_MS = 3000
/** Calls wait for those that only they can be answered by, until these have found everything again. */
const callTimeoutMs = 30_000

/** Stops processes for a while, and lets them go on one after the other. */
async function pause(servers: readonly Server[], ms = PAUSE_MS): Promise<void> {
  const stoppedAtMs = performance.now()
  for (const { child } of servers) child.signal('SIGSTOP')
  await waitUntil(() => performance.now() - stoppedAtMs >= ms, { what: 'the pause to end' })
  for (const { child } of servers) child.signal('SIGCONT')
}

async function requireNothingLost(cluster: Cluster): Promise<void> {
  assert.ok(!(await cluster.eventTypes()).includes('DATA_LOST'))
}

describe('under load, nothing is lost when servers fall silent and come back', () => {
  const lab = new FaultLab({ keys: 20_000, callTimeoutMs })
  after(() => lab.close())

  it('the only one, whose master is killed and started again before that, and meanwhile', async (t) => {
    await lab.endure(t, { servers: 1 }, async (cluster, workload) => {
      const { id } = cluster.members[0]!
      await cluster.killMaster()
      await workload.progress(2000)
      cluster.restartMaster()
      await cluster.settled()
      await requireNothingLost(cluster)
      const paused = pause(cluster.members)
      await cluster.killMaster()
      cluster.restartMaster()
      await paused
      await cluster.settled()
      assert.equal(cluster.members[0]!.id, id)
      await requireNothingLost(cluster)
    })
  })

  it('all of them at once', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const ids = cluster.members.map(({ id }) => id)
      await pause(cluster.members)
      await cluster.settled()
      assert.deepEqual(cluster.members.map(({ id }) => id), ids) // prettier-ignore
      await requireNothingLost(cluster)
    })
  })

  it('all of them, while the master is restarted, with an older state', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const restore = cluster.copyMasterState()
      await cluster.addServer()
      await cluster.settled()
      for (const { child } of cluster.members) child.signal('SIGSTOP')
      await cluster.killMaster()
      restore()
      cluster.restartMaster()
      await cluster.untilStatus('the master to be back', () => true)
      for (const { child } of cluster.members) child.signal('SIGCONT')
      await waitUntil(async () => (await cluster.eventTypes()).includes('TOPOLOGY_ADOPTED'), {
        what: 'the newer topology to be taken over',
      })
      await cluster.settled()
      await requireNothingLost(cluster)
    })
  })

  it('two of four, which share slots', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const before = (await cluster.eventTypes()).length
      await pause(cluster.members.slice(0, 2))
      await cluster.settled()
      await requireNothingLost(cluster)
      const types = (await cluster.eventTypes()).slice(before)
      assert.ok(types.includes('SERVER_SILENT') && types.includes('SERVER_RETURNED'), types.join())
    })
  })
})

describe('servers that will not come back', () => {
  it('are given up by an operator, who is told what that loses', async () => {
    await withCluster({ servers: 4 }, async (cluster) => {
      const silent = cluster.servers.slice(0, 2)
      for (const server of silent) cluster.kill(server, 'SIGSTOP')
      const forget = (...args: string[]) => runIcf(['forget', ...args, ...cluster.connectArgs])
      const isSilent = ({ state }: ServerStatus): boolean => state === 'silent'
      const { slotsServed } = await cluster.untilStatus(
        'both to be silent, and the others to serve what they share with them',
        ({ servers, slotsServed }) => servers.filter(isSilent).length === 2 && slotsServed > 0.8 * SLOT_COUNT,
      )
      const lost = SLOT_COUNT - slotsServed
      assert.ok(lost > 0)
      const names = silent.map(({ address }) => address)
      const alive = await forget(cluster.servers[2]!.address)
      assert.equal(alive.code, 2)
      assert.match(alive.stderr, /is not silent.*shut it down/)
      const trial = await forget(...names, '--dry-run')
      assert.match(trial.stderr, new RegExp(`the last copies of ${lost.toLocaleString('en')} slots`))
      assert.equal((await cluster.status()).servers.filter(isSilent).length, 2)
      const done = await forget(...names, '--json')
      const ids = silent.map(({ id }) => id)
      assert.deepEqual(JSON.parse(done.stdout), { dryRun: false, servers: ids, slots: lost })
      await cluster.settled()
    })
  })
})
