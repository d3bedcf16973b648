// Commands of an operator who does not know that the active master has just died.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Status } from '@icf/common'
import { withCluster } from '../support/cluster.js'
import { runIcf } from '../support/icf.js'

it('what is asked when the active master was just killed waits for the next one', async () => {
  await withCluster({ servers: 2, masters: 3 }, async (cluster) => {
    await cluster.untilMastersVote()
    const { epoch } = await cluster.status()
    const active = await cluster.activeMaster()
    await cluster.killMaster(active)
    const succeeds = async (command: string): Promise<unknown> => {
      const { code, stdout, stderr } = await runIcf([command, '--json', ...cluster.connectArgs])
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout)
    }
    const [status, failover] = await Promise.all([succeeds('status'), succeeds('failover')])
    assert.ok((status as Status).epoch > epoch)
    const taken = failover as { epoch: number; master: { port: number } }
    assert.ok(taken.epoch > epoch + 1, 'what the takeover began was handed over')
    assert.ok(!cluster.masterAddresses[active]!.endsWith(`:${taken.master.port}`))
  })
})
