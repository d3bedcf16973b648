// What the StatefulSets in deploy/kubernetes say runs, and their scripts and probes tell the truth.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Status } from '@icf/common'
import { waitUntil } from '@icf/testkit/wait'
import { askMaster } from '../support/admin.js'
import { Child } from '../support/child.js'
import { startFakeApiServer, type FakeApiServer } from '../support/kubernetes/fake-api-server.js'
import { Kubelet, type Pod } from '../support/kubernetes/kubelet.js'
import { folder, statefulSet } from '../support/kubernetes/manifests.js'

const ZONES = { 'node-a': 'zone-a', 'node-b': 'zone-b', 'node-c': 'zone-c', 'bare-node': undefined }
const NODES = ['node-a', 'node-b', 'node-c']

let api: FakeApiServer
before(async () => (api = await startFakeApiServer(ZONES)))
after(() => api.close())

describe('under Kubernetes', { skip: process.platform !== 'linux' }, () => {
  it('a cluster starts, and hands over whatever a rolling update ends', async () => {
    const kubelet = new Kubelet(api)
    const [masters, caches] = [statefulSet('icf-master'), statefulSet('icf-cache')]
    const ready = async (...pods: Pod[]): Promise<void> => {
      for (const kind of ['startupProbe', 'readinessProbe'] as const)
        for (const pod of pods)
          await waitUntil(() => pod.passes(kind), { what: `${kind} of ${pod.name}`, everyMs: 200 })
    }
    const requireEnd = async (pod: Pod): Promise<void> =>
      assert.deepEqual(await kubelet.end(pod), { code: 0, signal: null }, pod.main.transcript())
    try {
      const pods = await Promise.all([
        ...[0, 1].map((n) => kubelet.start(masters, n, NODES[n]!)),
        ...[0, 1, 2].map((n) => kubelet.start(caches, n, NODES[n]!)),
      ])
      await untilWhole(pods)
      await ready(...pods)
      for (const pod of pods.slice(0, 2)) assert.ok(await pod.passes('livenessProbe'))
      const status = await statusOf(pods.slice(0, 2))
      assert.deepEqual(
        new Set(status.servers.map(({ host, port, zone, machine }) => [host, port, zone, machine].join(' '))),
        new Set([2, 3, 4].map((n) => `${pods[n]!.ip} 7100 ${ZONES['node-a'].replace('a', 'abc'[n - 2]!)} ${NODES[n - 2]}`)), // prettier-ignore
      )
      assert.deepEqual(status.masters.map(({ host }) => host).sort(), [
        'icf-master-0.icf-master.icf.svc',
        'icf-master-1.icf-master.icf.svc',
      ])
      assert.equal(status.slotsOnOneMachine + status.slotsInOneZone, 0)

      // From the highest ordinal down, as the controller does; each comes back with another address.
      for (const n of [1, 0]) {
        await requireEnd(pods[n]!)
        pods[n] = await kubelet.start(masters, n, NODES[n]!)
        await ready(pods[n])
      }
      const voting = await statusOf(pods.slice(0, 2))
      assert.deepEqual(voting.masters.map(({ alive, isVoter }) => [alive, isVoter]), [[true, true], [true, true]]) // prettier-ignore
      assert.ok(voting.epoch > status.epoch)

      await requireEnd(pods[4]!)
      pods[4] = await kubelet.start(caches, 2, 'node-c')
      await untilWhole(pods)
      await ready(...pods)
      const { settled, servers } = await statusOf(pods.slice(0, 2))
      assert.ok(settled)
      assert.equal(servers.length, 3)

      const [first, second, ...others] = pods
      await Promise.all(others.map(requireEnd))
      await Promise.all([first!, second!].map(requireEnd))
    } catch (error) {
      console.error(kubelet.transcript())
      throw error
    } finally {
      await kubelet.close()
    }
  })
})

/** So that probes, each of which may be a process, say yes the first time. */
function untilWhole([first, second]: readonly Pod[]): Promise<void> {
  const isWhole = ({ settled, servers }: Status): boolean => settled && servers.length === 3
  return waitUntil(async () => isWhole(await statusOf([first!, second!])), { what: 'three cache servers' })
}

async function statusOf(masters: readonly Pod[]): Promise<Status> {
  const addresses = masters.map(({ ip }) => `${ip}:7000`)
  return (await askMaster(addresses, 'icf', 'STATUS')) as Status
}

describe('zone.mjs', () => {
  /** @returns the zone that it wrote, or undefined when it failed */
  async function lookUp(
    node: string,
    credentials: { token?: string; certificate?: string },
  ): Promise<string | undefined> {
    const dir = mkdtempSync(join(tmpdir(), 'icf-zone-'))
    writeFileSync(join(dir, 'token'), credentials.token ?? api.token)
    writeFileSync(join(dir, 'ca.crt'), credentials.certificate ?? api.certificate)
    const file = join(dir, 'zone')
    const env = {
      NODE_NAME: node,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(api.port),
    }
    const { code } = await new Child('zone.mjs', [join(folder, 'zone.mjs'), dir, file], env).exited
    const zone = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    rmSync(dir, { recursive: true })
    assert.equal(code, zone === undefined ? 1 : 0)
    return zone
  }

  it('writes the zone of the node, and nothing where there is none', async () => {
    assert.equal(await lookUp('node-b', {}), 'zone-b')
    assert.equal(await lookUp('bare-node', {}), '')
  })

  it('fails when it is not let in, does not trust the server, or the node is unknown', async () => {
    assert.equal(await lookUp('node-a', { token: 'of another' }), undefined)
    assert.equal(await lookUp('node-a', { certificate: '' }), undefined)
    assert.equal(await lookUp('node-z', {}), undefined)
  })
})

describe('ready.mjs', () => {
  it('says no while no master is there', async () => {
    const env = { ICF_HOST: '127.0.0.1', ICF_PORT: '7100', ICF_MASTERS: '127.0.0.1:1' }
    const probe = new Child('ready.mjs', [join(folder, 'ready.mjs')], env)
    assert.equal((await probe.exited).code, 1)
    assert.match(probe.stderr, /no master is active/)
  })
})
