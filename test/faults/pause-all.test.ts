// Every cache server stands still at once, as when a machine sleeps: all data is still there afterwards.
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'
import { Random } from '../support/random.js'

/** Twice the time after which the master declares dead who says nothing. */
const PAUSE_MS = 3000
const GAP_MS = 200
const load = { keys: 10_000, writers: 12, readers: 12 }

describe('under load, all servers are stopped for 3 s', () => {
  const lab = new FaultLab({ servers: 4, ...load })
  after(() => lab.close())

  it('and go on one after the other', async (t) => {
    await lab.endure(t, (cluster) => pauseAll(t, cluster))
  })

  it('while the master is killed and started again', async (t) => {
    await lab.endure(t, (cluster) =>
      pauseAll(t, cluster, () => {
        cluster.killMaster()
        cluster.restartMaster()
      }),
    )
  })
})

describe('under load, the only server', () => {
  const lab = new FaultLab({ servers: 1, ...load })
  after(() => lab.close())

  it('is stopped for 3 s', async (t) => {
    await lab.endure(t, (cluster) => pauseAll(t, cluster))
  })
})

/** They may come back as whoever they were: the signals go past the cluster, which would expect new members. */
async function pauseAll(t: TestContext, { members }: Cluster, meanwhile = () => {}): Promise<void> {
  for (const { child } of members) child.signal('SIGSTOP')
  meanwhile()
  await delay(PAUSE_MS)
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`they go on in the order of seed ${seed}`)
  const random = new Random(seed)
  const waiting = [...members]
  while (waiting.length > 0) {
    const [next] = waiting.splice(random.integer(0, waiting.length), 1)
    next!.child.signal('SIGCONT')
    if (waiting.length > 0) await delay(GAP_MS)
  }
}
