// Primaries compare their slots with the backups while clients write, and while a master dies.
import assert from 'node:assert/strict'
import type { AuditStatus } from '@icf/common'
import { after, describe, it } from 'node:test'
import type { Cluster } from '../support/cluster.js'
import { FaultLab } from '../support/fault-lab.js'
import { runIcf } from '../support/icf.js'

const lab = new FaultLab({ servers: 3, masters: 2, keys: 20_000 })
after(() => lab.close())

async function audit(cluster: Cluster): Promise<AuditStatus> {
  const { code, stdout, stderr } = await runIcf(['audit', '--json', ...cluster.connectArgs])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as AuditStatus
}

function requireEqual({ slots, compared, missing, extra, different, unmended }: AuditStatus): void {
  assert.equal(compared, slots)
  assert.deepEqual([missing, extra, different, unmended], [0, 0, 0, 0])
}

describe('under load, icf audit', () => {
  it('finds no difference, and the event log says so', async (t) => {
    await lab.endure(t, {}, async (cluster) => {
      requireEqual(await audit(cluster))
      const { stdout } = await runIcf(['events', '--json', ...cluster.connectArgs])
      assert.match(stdout, /"type":"AUDITED","reason":"nothing differs","slots":16384/)
    })
  })

  it('comes to its end with the next master, when the active one is killed meanwhile', async (t) => {
    await lab.endure(t, {}, async (cluster) => {
      const { epoch } = await cluster.untilMastersVote()
      const active = await cluster.activeMaster()
      const begun = (await cluster.ask('AUDIT', { begin: true })) as AuditStatus
      assert.ok(begun.running)
      const audited = audit(cluster)
      await cluster.killMaster(active)
      const status = await audited
      requireEqual(status)
      assert.ok(status.epoch > epoch)
      cluster.restartMaster(active)
      await cluster.untilMastersVote()
    })
  })
})
