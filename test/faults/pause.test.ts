// Processes stand still, as when a machine sleeps: all data is still there afterwards.
import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'
import { slowDisk } from '../support/slow-disk.js'
import { Random } from '@icf/testkit/random'
import { waitUntil } from '@icf/testkit/wait'

/** Twice the time after which the master declares dead who says nothing. */
const PAUSE_MS = 3000
const LONG_PAUSE_MS = 10_000
/** All that anybody remembers of others for a minute is forgotten by then. */
const VERY_LONG_PAUSE_MS = 60_000
const GAP_MS = 200
/** Of each sync of a slow disk; a version of the topology takes two of them. */
const SLOW_SYNC_MS = 2000
/**
 * Calls wait for those that only they can be answered by, and for a process that starts on a busy machine. How soon they are
 * answered then: test/simulation/pause.test.ts.
 */
const PATIENT_MS = 60_000
const load = { keys: 10_000, writers: 12, readers: 12 }

// While everything of one cluster stands still, there is room for the others.
describe('under load', { concurrency: true }, () => {
  describe('for a minute', { concurrency: 1 }, () => {
    const lab = new FaultLab({ servers: 3, ...load })
    after(() => lab.close())

    it('all servers and the master are stopped', async (t) => {
      await lab.endure(t, { timeouts: true }, (cluster) => pause(t, everything(cluster), VERY_LONG_PAUSE_MS))
    })
  })

  describe('for seconds', { concurrency: 1 }, () => {
    const lab = new FaultLab({ ...load, callTimeoutMs: PATIENT_MS })
    after(() => lab.close())

    it('the only server is stopped', async (t) => {
      await lab.endure(t, { servers: 1 }, (cluster) => pause(t, serversOf(cluster), PAUSE_MS))
    })

    it('the only server is stopped for longer than calls wait by default', async (t) => {
      await lab.endure(t, { servers: 1 }, async (cluster) => {
        await pause(t, serversOf(cluster), LONG_PAUSE_MS)
        await cluster.settled()
        assert.ok(!(await cluster.eventTypes()).includes('DATA_LOST'))
      })
    })

    it('all servers and the master are stopped', async (t) => {
      await lab.endure(t, { servers: 3 }, (cluster) => pause(t, everything(cluster), PAUSE_MS))
    })

    it('a server is stopped, and comes back as a new member', async (t) => {
      await lab.endure(t, { servers: 3 }, async (cluster) => {
        const paused = cluster.members[1]!
        const idBefore = paused.id
        const stoppedAtMs = performance.now()
        cluster.kill(paused, 'SIGSTOP')
        await cluster.settled()
        await waitUntil(() => performance.now() - stoppedAtMs >= LONG_PAUSE_MS, { what: 'the pause to end' })
        cluster.kill(paused, 'SIGCONT')
        await cluster.settled()
        assert.notEqual(paused.id, idBefore)
        const { servers } = await cluster.status()
        const back = servers.find(({ port }) => port === paused.port)!
        assert.ok(back.primarySlots > 0 && back.backupSlots > 0, 'it holds its share again')
      })
    })

    it('all servers are stopped, and go on one after the other', async (t) => {
      await lab.endure(t, { servers: 4 }, (cluster) => pause(t, serversOf(cluster), PAUSE_MS))
    })
  })

  describe('all servers, while the master is killed and started again', { concurrency: 1 }, () => {
    const lab = new FaultLab({ servers: 4, ...load, callTimeoutMs: PATIENT_MS })
    after(() => lab.close())

    it('on its state file', async (t) => {
      await lab.endure(t, {}, (cluster) =>
        pause(t, serversOf(cluster), PAUSE_MS, async () => {
          await cluster.killMaster()
          cluster.restartMaster()
        }),
      )
    })

    it('without its state file', async (t) => {
      await lab.endure(t, {}, async (cluster) => {
        const before = await cluster.assignment()
        await pause(t, serversOf(cluster), PAUSE_MS, async () => {
          await cluster.killMaster()
          cluster.loseMasterState()
          cluster.restartMaster()
        })
        await cluster.settled()
        assert.deepEqual(await cluster.assignment(), before, 'slots moved')
        const types = await cluster.eventTypes()
        assert.ok(types.includes('TOPOLOGY_ADOPTED') && !types.includes('DATA_LOST'), types.join())
      })
    })

    it('on a slow disk', async (t) => {
      await lab.endure(t, {}, async (cluster) => {
        const starts = async (): Promise<number> =>
          (await cluster.eventTypes()).filter((type) => type === 'MASTER_STARTED').length
        const before = await starts()
        // They stand still until the master has saved that it is back, which takes it longer than PAUSE_MS.
        await pause(t, serversOf(cluster), 0, async () => {
          await cluster.killMaster()
          const startedAtMs = performance.now()
          cluster.restartMaster(0, slowDisk(SLOW_SYNC_MS))
          await waitUntil(async () => (await starts()) > before, { what: 'the master to be back' })
          assert.ok(performance.now() - startedAtMs >= 2 * SLOW_SYNC_MS, 'the disk is not slow')
        })
        await cluster.settled()
        assert.ok(!(await cluster.eventTypes()).includes('DATA_LOST'))
      })
    })
  })
})

/** Stops a process, or lets it go on. */
type Switch = (signal: 'SIGSTOP' | 'SIGCONT') => void

/** They may come back as whoever they were: the signals go past the cluster, which would expect new members. */
function serversOf({ members }: Cluster): Switch[] {
  return members.map(
    ({ child }) =>
      (signal) =>
        child.signal(signal),
  )
}

function everything(cluster: Cluster): Switch[] {
  return [(signal) => cluster.pauseMaster(signal), ...serversOf(cluster)]
}

/** Stops them all; they go on one after the other, in any order. */
async function pause(
  t: TestContext,
  switches: Switch[],
  pauseMs: number,
  meanwhile = async (): Promise<void> => {},
): Promise<void> {
  for (const turn of switches) turn('SIGSTOP')
  await meanwhile()
  await delay(pauseMs)
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`they go on in the order of seed ${seed}`)
  const random = new Random(seed)
  while (switches.length > 0) {
    switches.splice(random.integer(0, switches.length), 1)[0]!('SIGCONT')
    if (switches.length > 0) await delay(GAP_MS)
  }
}
