// Every cache server stands still at once, as when a machine sleeps: all data is still there afterwards.
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'
import { Random } from '@icf/testkit/random'

/** Twice the time after which the master declares dead who says nothing. */
const PAUSE_MS = 3000
const GAP_MS = 200
const load = { keys: 10_000, writers: 12, readers: 12 }

describe('under load, all servers are stopped for 3 s', () => {
  const lab = new FaultLab({ servers: 4, ...load })
  after(() => lab.close())

  it('and go on one after the other', async (t) => {
    await lab.endure(t, (cluster) => pause(t, serversOf(cluster), PAUSE_MS))
  })

  it('while the master is killed and started again', async (t) => {
    await lab.endure(t, (cluster) =>
      pause(t, serversOf(cluster), PAUSE_MS, async () => {
        await cluster.killMaster()
        cluster.restartMaster()
      }),
    )
  })
})

describe('under load, the only server', () => {
  const lab = new FaultLab({ servers: 1, ...load })
  after(() => lab.close())

  it('is stopped for 3 s', async (t) => {
    await lab.endure(t, (cluster) => pause(t, serversOf(cluster), PAUSE_MS))
  })
})

describe('under load, all servers and the master are stopped', () => {
  const lab = new FaultLab({ servers: 3, ...load })
  after(() => lab.close())

  for (const seconds of [3, 60])
    it(`for ${seconds} s`, async (t) => {
      const everything = (cluster: Cluster): Switch[] => [
        (signal) => cluster.pauseMaster(signal),
        ...serversOf(cluster),
      ]
      await lab.endure(t, (cluster) => pause(t, everything(cluster), seconds * 1000), { timeouts: true })
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
