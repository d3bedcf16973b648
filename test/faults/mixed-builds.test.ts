// Processes of two builds in one cluster, as an upgrade has them for a while: `npm run test:mixed -- REVISION`.
import { env } from 'node:process'
import { describe, it } from 'node:test'
import { FaultLab } from '../support/fault-lab.js'
import { icfOf, ICF } from '../support/icf.js'

/** A folder with another build of icf. */
const OTHER = env['ICF_OTHER_BUILD']
const skip = OTHER === undefined && 'no other build is named: npm run test:mixed -- REVISION'

describe('one process after the other is started again under load', () => {
  const other = icfOf(OTHER ?? '')
  for (const [what, from, to] of [
    ['of the other build, with this one', other, ICF],
    ['of this build, with the other one', ICF, other],
  ] as const)
    it(what, { skip }, async (t) => {
      const lab = new FaultLab({ servers: 3, masters: 2, keys: 20_000, icf: from })
      t.after(() => lab.close())
      await lab.endure(t, {}, async (cluster, workload) => {
        cluster.icf = to
        await cluster.untilMastersVote()
        const active = await cluster.activeMaster()
        for (const master of [1 - active, active]) {
          await cluster.endMaster(master)
          cluster.restartMaster(master)
          await cluster.untilMastersVote()
          await workload.progress(5000)
        }
        for (const server of cluster.members) {
          cluster.kill(server, 'SIGTERM')
          await server.child.exited
          await cluster.addServer(server.port)
          await cluster.settled()
          await workload.progress(5000)
        }
      })
    })
})
