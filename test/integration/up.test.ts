// `icf up --restart` with options for its processes; on ::1 where there is IPv6, so that an address is more than two
// things with a colon between them.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { formatAddress } from '@icf/common/node'
import type { Status } from '@icf/common'
import type { Child } from '../support/child.js'
import { icf, runIcf } from '../support/icf.js'
import { freeBasePort, upOffsets } from '@icf/testkit/ports'
import { waitUntil } from '@icf/testkit/wait'

interface Member {
  readonly id: string
  readonly pid: number
  readonly host: string
  readonly port: number
}

interface ClusterFile {
  readonly masters: readonly (Member & { httpPort: number; role: string })[]
  readonly servers: readonly Member[]
}

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
)
const host = hasIPv6 ? '::1' : '127.0.0.1'

describe('icf up --restart', () => {
  const dir = mkdtempSync(join(tmpdir(), 'icf-up-'))
  const dataDir = join(dir, 'data')
  let up: Child
  let started: ClusterFile

  after(async () => {
    up?.signal('SIGKILL')
    await up?.exited
    rmSync(dir, { recursive: true, force: true })
  })

  it('passes its options on to the processes', async () => {
    const basePort = await freeBasePort(upOffsets(2, 2))
    const args = [
      ...['up', '--restart', '--json', '--host', host, '--base-port', basePort, '--dir', dir],
      ...['--servers', 2, '--zone', 'a,b', '--weight', '1,2', '--max-memory', '192mb'],
      ...['--data-dir', dataDir, '--http-port', 0],
    ]
    // V8 by itself would let no process have 192 MiB, as on a small machine.
    up = icf(args, { NODE_OPTIONS: '--max-old-space-size=100' })
    await waitUntil(() => up.stdout.includes('\n') || !up.isRunning, { what: 'icf up to serve' })
    assert.ok(up.isRunning, up.transcript())
    started = JSON.parse(up.stdout) as ClusterFile
    assert.deepEqual(clusterFile(), started)
    assert.equal(started.masters[0]!.httpPort, 0)
    assert.ok(existsSync(join(dataDir, `master-${basePort}`, 'state.json')))
    const servers = [...(await status()).servers].sort((a, b) => a.port - b.port)
    assert.deepEqual(
      servers.map((server) => [server.host, server.port, server.zone, server.weight, server.maxMemoryBytes]),
      [
        [host, basePort + 100, 'a', 1, 192 * 1024 ** 2],
        [host, basePort + 101, 'b', 2, 192 * 1024 ** 2],
      ],
    )
  })

  it('starts a killed server again, and cluster.json tells it', async () => {
    const [killed, other] = started.servers as [Member, Member]
    process.kill(killed.pid, 'SIGKILL')
    const successor = (): Member | undefined =>
      clusterFile().servers.find(({ port, pid }) => port === killed.port && pid !== killed.pid)
    await waitUntil(() => successor() !== undefined, { what: 'its successor' })
    assert.match(up.stderr, new RegExp(`pid ${killed.pid}\\) was killed by SIGKILL; starting it again`))
    const { id, pid } = successor()!
    assert.notEqual(id, killed.id)
    process.kill(pid, 0)
    assert.deepEqual(clusterFile(), { ...started, servers: [successor(), other] })
    await waitUntil(async () => (await status()).servers.some((server) => server.id === id), {
      what: 'it to be a member',
    })
    const { settled, servers } = await status('--wait', '--timeout', '60s')
    assert.ok(settled)
    assert.deepEqual(servers.map((server) => server.id).sort(), [id, other.id].sort())
  })

  it('starts a killed master again: it is the same one, and stands by', async () => {
    const active = clusterFile().masters.find(({ role }) => role === 'active')!
    process.kill(active.pid, 'SIGKILL')
    const isBack = async (): Promise<boolean> => {
      const { masters } = await status()
      const self = masters.find(({ port }) => port === active.port)
      return self?.id === active.id && self.role === 'standby' && self.alive
    }
    await waitUntil(isBack, { what: 'it to stand by' })
    await waitUntil(() => clusterFile().masters.every(({ id, pid }) => id !== '' && pid !== active.pid), {
      what: 'cluster.json to have both',
    })
  })

  it('leaves the state of its masters where it was told to, and nothing else', async () => {
    up.signal('SIGINT')
    assert.deepEqual(await up.exited, { code: 0, signal: null })
    for (const { port } of started.masters)
      assert.ok(existsSync(join(dataDir, `master-${port}`, 'state.json')))
    assert.ok(!existsSync(join(dir, 'cluster.json')))
  })

  function clusterFile(): ClusterFile {
    return JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8')) as ClusterFile
  }

  async function status(...args: string[]): Promise<Status> {
    const masters = started.masters.map(formatAddress).join(',')
    const { code, stdout, stderr } = await runIcf(['status', '--json', ...args, '--masters', masters])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Status
  }
})
