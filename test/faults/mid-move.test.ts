// A process dies while slots are moving from it or to it.
import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import type { Cluster, Server } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'

/** Much data, so that the moves are still going on when the fault comes. */
const lab = new FaultLab({ keys: 40_000 })
after(() => lab.close())

describe('under load, while a server joins,', () => {
  it('the one that is receiving is killed', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const newcomer = await cluster.addServer()
      await untilReceiving(t, cluster, newcomer)
      cluster.kill(newcomer, 'SIGKILL')
      await cluster.settled()
    })
  })

  it('one that is sending is killed', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      await untilReceiving(t, cluster, await cluster.addServer())
      cluster.kill(cluster.members[0]!, 'SIGKILL')
      await cluster.settled()
    })
  })

  it('one is killed before the newcomer has anything', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const newcomer = await cluster.addServer()
      const { movesPending } = await cluster.untilStatus('the newcomer to be a member', ({ servers }) =>
        servers.some(({ port }) => port === newcomer.port),
      )
      requirePending(t, movesPending)
      cluster.kill(cluster.members[1]!, 'SIGKILL')
      await cluster.settled()
    })
  })
})

describe('under load, while a server is shut down,', () => {
  it('it is killed halfway', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const leaver = cluster.members[0]!
      const before = (await cluster.status()).servers.find(({ port }) => port === leaver.port)!
      void cluster.shutdown(leaver)
      const { movesPending } = await cluster.untilStatus('the leaver to hand over', ({ servers }) => {
        const now = servers.find(({ port }) => port === leaver.port)
        return !now || now.backupSlots < before.backupSlots || now.primarySlots < before.primarySlots
      })
      requirePending(t, movesPending)
      cluster.kill(leaver, 'SIGKILL')
      await cluster.settled()
    })
  })

  it('another one is killed', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const exits = cluster.shutdown(cluster.members[0]!)
      const { movesPending } = await cluster.untilStatus('moves', (status) => status.movesPending > 0)
      requirePending(t, movesPending)
      cluster.kill(cluster.members[1]!, 'SIGKILL')
      await exits
      await cluster.settled()
    })
  })
})

async function untilReceiving(t: TestContext, cluster: Cluster, newcomer: Server): Promise<void> {
  const { movesPending } = await cluster.untilStatus('the newcomer to hold some slots', ({ servers }) => {
    const status = servers.find(({ port }) => port === newcomer.port)
    return status !== undefined && status.backupSlots + status.primarySlots > 0
  })
  requirePending(t, movesPending)
}

/** A fault after the moves would be another test. */
function requirePending(t: TestContext, movesPending: number): void {
  t.diagnostic(`${movesPending} moves were pending at the fault`)
  assert.ok(movesPending > 0, 'the moves were over before the fault')
}
