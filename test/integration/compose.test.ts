// The services of deploy/container/compose.yaml, each in a network of its own and with the rights that a container has:
// what a user of that file is told to try holds.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Client, connect } from '@icf/client'
import type { Status } from '@icf/common'
import { waitUntil } from '@icf/testkit/wait'
import { askMaster } from '../support/admin.js'
import { readCompose } from '../support/compose.js'
import { CONTAINER_TOOLS, Containers } from '../support/containers.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork(...CONTAINER_TOOLS) ?? false

/** What links to a service named icf put into the environment of each container. */
const LINKS = {
  ICF_PORT: 'tcp://10.77.0.250:7000',
  ICF_PORT_7000_TCP: 'tcp://10.77.0.250:7000',
  ICF_HTTP_PORT: 'tcp://10.77.0.250:80',
  ICF_NAME: '/shop/icf',
}
const MASTERS = ['master-1:7000', 'master-2:7000']
const KEYS = 300
const EXITED = { code: 0, signal: null }

describe('the containers of compose.yaml', () => {
  const { services } = readCompose()
  const names = Object.keys(services)
  const caches = names.filter((name) => services[name]!.command[0] === 'cache')
  let containers: Containers
  let cache: Client
  let round = 0
  let killed = ''

  before(async () => {
    if (skip !== false) return
    containers = await Containers.up(services, LINKS)
    cache = await connect({ masters: MASTERS, cluster: 'icf', timeoutMs: 60_000, connectTimeoutMs: 60_000 })
  })
  after(async () => {
    if (skip !== false) return
    await containers.down()
    await cache.close()
  })

  it('become one cluster, and healthy', { skip }, () =>
    told(async () => {
      const status = await untilStatus('all are there', (now) => now.settled && now.servers.length === 3)
      assert.deepEqual(status.servers.map(({ host }) => host).sort(), caches)
      await untilAllVote()
      for (const name of names) await containers.untilHealthy(name)
      await write()
    }),
  )

  it('run as the user of the image, as process 1, without any right', { skip }, async () => {
    for (const name of names) {
      assert.equal(containers.status(name, 'Uid').split('\t')[0], '10001')
      assert.equal(containers.status(name, 'NSpid').split('\t').at(-1), '1')
      assert.equal(containers.status(name, 'NoNewPrivs'), '1')
      for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
        assert.equal(BigInt(`0x${containers.status(name, set)}`), 0n, set)
      const touched = await containers.exec(name, 'touch', '/opt/icf/file')
      assert.notEqual(touched.code, 0, 'the root can be written')
    }
  })

  it('count as one machine, and icf status in one of them says so', { skip }, async () => {
    const { code, stdout } = await containers.exec('cache-2', 'icf', 'status')
    assert.equal(code, 0)
    assert.match(stdout, /16,384 slots with both copies on one machine/)
  })

  it('lose a cache server, and nothing of what was written', { skip }, () =>
    told(async () => {
      await containers.kill('cache-1')
      await verify()
      await write()
      await untilStatus('the backups are complete', (now) => now.settled && now.servers.length === 2)
      await verify()
    }),
  )

  it('lose the active master, and the other one takes over', { skip }, () =>
    told(async () => {
      killed = await activeMaster()
      const { epoch } = await untilAllVote()
      await containers.kill(killed)
      await verify()
      await write()
      await untilStatus('the other one is active', (now) => now.epoch > epoch)
      assert.notEqual(await activeMaster(), killed)
      await verify()
    }),
  )

  it('come back when they are started again', { skip }, () =>
    told(async () => {
      for (const name of ['cache-1', killed]) await containers.restart(name)
      await untilStatus('the cache server is back', (now) => now.settled && now.servers.length === 3)
      await untilAllVote()
      await containers.untilHealthy(killed)
      await verify()
    }),
  )

  it('hand over when the active master is stopped', { skip }, () =>
    told(async () => {
      const active = await activeMaster()
      assert.deepEqual(await containers.stop(active), [EXITED])
      await untilStatus('the other one is active', ({ masters }) =>
        masters.some(({ role, host }) => role === 'active' && host !== active),
      )
      await verify()
    }),
  )

  it('all end when they are stopped: those first that depend on others', { skip }, () =>
    told(async () => {
      const isDependent = (name: string): boolean => services[name]!.depends_on !== undefined
      const left = names.filter((name) => containers.isRunning(name))
      for (const wave of [left.filter(isDependent), left.filter((name) => !isDependent(name))])
        assert.deepEqual(await containers.stop(...wave), wave.map(() => EXITED)) // prettier-ignore
    }),
  )

  /** Every key has the number of the round in which it was written last. */
  async function write(): Promise<void> {
    round++
    await cache.setMany(Array.from({ length: KEYS }, (_, n) => [`key:${n}`, { n, round }]))
  }

  async function verify(): Promise<void> {
    const found = await cache.getMany(Array.from({ length: KEYS }, (_, n) => `key:${n}`))
    assert.deepEqual(found, Array.from({ length: KEYS }, (_, n) => ({ n, round }))) // prettier-ignore
  }

  async function untilStatus(what: string, holds: (status: Status) => boolean): Promise<Status> {
    let status!: Status
    await waitUntil(async () => holds((status = (await askMaster(MASTERS, 'icf', 'STATUS')) as Status)), {
      what,
    })
    return status
  }

  async function activeMaster(): Promise<string> {
    const { masters } = await untilStatus('a master is active', () => true)
    return masters.find(({ role }) => role === 'active')!.host
  }

  /** Until then the active one can not be replaced. */
  function untilAllVote(): Promise<Status> {
    return untilStatus(
      'both masters vote',
      ({ masters }) => masters.length === 2 && masters.every(({ alive, isVoter }) => alive && isVoter),
    )
  }

  async function told(body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      console.error(containers.transcript())
      throw error
    }
  }
})
