// Servers die, join and leave under load. No client may notice anything but a slow call.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { FaultLab } from '../support/fault-lab.js'

describe('under load', () => {
  const lab = new FaultLab({ keys: 20_000 })
  after(() => lab.close())

  it('a server joins', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const before = await cluster.assignment()
      await cluster.addServer()
      await cluster.settled()
      const after = await cluster.assignment()
      const moved = before.filter((pair, slot) => primaryOf(pair) !== primaryOf(after[slot]!)).length
      assert.ok(moved <= (1.1 * before.length) / 4, `${moved} primaries moved for the fourth server`)
    })
  })

  it('two servers of four are shut down at once', async (t) => {
    await lab.endure(t, { servers: 4 }, async (cluster) => {
      const { members } = cluster
      const exits = await cluster.shutdown(members[0]!, members[2]!)
      assert.deepEqual(exits, [
        { code: 0, signal: null },
        { code: 0, signal: null },
      ])
      await cluster.settled()
    })
  })

  it('a server joins while another one is joining', async (t) => {
    await lab.endure(t, { servers: 2 }, async (cluster) => {
      const first = await cluster.addServer()
      await cluster.untilStatus('the first newcomer to receive', ({ servers, movesPending }) =>
        servers.some(({ port }) => port === first.port && movesPending > 0),
      )
      await cluster.addServer()
      await cluster.settled()
    })
  })

  it('a server is shut down by the operator', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const [exit] = await cluster.shutdown(cluster.members[1]!)
      assert.deepEqual(exit, { code: 0, signal: null })
      await cluster.settled()
    })
  })

  it('a server gets SIGTERM, hands over and exits with 0', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      const leaver = cluster.members[2]!
      cluster.kill(leaver, 'SIGTERM')
      assert.deepEqual(await leaver.child.exited, { code: 0, signal: null })
      await cluster.settled()
    })
  })

  it('a server is killed', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster) => {
      cluster.kill(cluster.members[0]!, 'SIGKILL')
      await cluster.settled()
    })
  })

  it('a server is killed, and after the next has settled another one', async (t) => {
    await lab.endure(t, { servers: 3 }, async (cluster, workload) => {
      cluster.kill(cluster.members[0]!, 'SIGKILL')
      await cluster.settled()
      await workload.progress(2000)
      cluster.kill(cluster.members[0]!, 'SIGKILL')
      await cluster.settled()
    })
  })
})

function primaryOf(pair: string): string {
  return pair.split(' ')[0]!
}
