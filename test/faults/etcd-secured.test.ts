// Two masters and two cache servers, with a real etcd that asks for certificates and passwords.
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { withCluster } from '../support/cluster.js'
import { runIcf } from '../support/icf.js'
import { freePort } from '@icf/testkit/ports'
import { findSecuredEtcdObstacle, SecuredEtcd } from '../support/secured-etcd.js'

const skip = findSecuredEtcdObstacle() ?? false
/** None where the tests are skipped. */
const etcd = (skip === false ? await SecuredEtcd.start() : undefined)!
after(() => etcd?.stop())

it('masters find each other, and one takes over from the other', { skip }, () =>
  withCluster({ servers: 2, masters: 2, etcd: etcd.url, masterArgs: etcd.args() }, async (cluster) => {
    await cluster.untilMastersVote()
    const { epoch } = await cluster.status()
    await cluster.killMaster(await cluster.activeMaster())
    await cluster.untilStatus('the standby to take over', (status) => status.epoch > epoch)
    const set = await runIcf(['set', 'key', 'value', ...cluster.connectArgs])
    assert.equal(set.code, 0, set.stderr)
    assert.equal((await runIcf(['get', 'key', ...cluster.connectArgs])).stdout.trim(), 'value')
  }),
)

it('a master with a wrong password says so, and ends', { skip }, async () => {
  const address = ['--port', await freePort(), '--http-port', 0]
  const coordination = ['--coordination', 'etcd', '--etcd', etcd.url, ...etcd.args('wrong')]
  const { code, stderr } = await runIcf(['master', ...address, ...coordination])
  assert.notEqual(code, 0)
  assert.match(stderr, /etcd refuses: .*invalid user ID or password/)
})
