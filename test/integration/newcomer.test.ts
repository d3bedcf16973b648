// What a newcomer does with the `icf` command, step by step, on a cluster of `icf up`.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Status } from '@icf/common'
import type { Child } from '../support/child.js'
import { icf, runIcf } from '../support/icf.js'
import { freeBasePort, upOffsets } from '@icf/testkit/ports'
import { Random } from '@icf/testkit/random'
import { waitUntil } from '@icf/testkit/wait'

interface ClusterFile {
  readonly masters: readonly { id: string; pid: number; host: string; port: number; role: string }[]
  readonly servers: readonly { id: string; pid: number; host: string; port: number }[]
}

describe('the path of a newcomer', () => {
  const dir = mkdtempSync(join(tmpdir(), 'icf-newcomer-'))
  const data = join(dir, 'data')
  const clusterDir = join(dir, 'cluster')
  let up: Child
  let replacement: Child
  let cluster: ClusterFile
  let masters: string[]

  before(() => makeData(data))
  after(async () => {
    replacement?.signal('SIGKILL')
    up?.signal('SIGKILL')
    await Promise.all([up?.exited, replacement?.exited])
    rmSync(dir, { recursive: true, force: true })
  })

  it('icf up starts three servers and says where they are', async () => {
    const basePort = await freeBasePort(upOffsets(3, 2))
    up = icf(['up', '--servers', 3, '--base-port', basePort, '--dir', clusterDir, '--json'])
    await waitUntil(() => up.stdout.includes('\n') || !up.isRunning, { what: 'icf up to serve' })
    assert.ok(up.isRunning, up.transcript())
    cluster = JSON.parse(up.stdout) as ClusterFile
    assert.deepEqual(readClusterFile(), cluster)
    assert.deepEqual(
      cluster.servers.map(({ port }) => port),
      [100, 101, 102].map((offset) => basePort + offset),
    )
    masters = ['--masters', cluster.masters.map(({ host, port }) => `${host}:${port}`).join(',')]
    assert.equal((await statusOnceSettled(3)).slotsServed, 16_384)
  })

  it('icf load stores a folder, and icf verify finds it', async () => {
    const { code, stdout, stderr } = await runIcf(['load', data, '--json', ...masters])
    assert.equal(code, 0, stderr)
    assert.ok((JSON.parse(stdout) as { files: number }).files > 10)
    await verifies()
  })

  it('nothing is lost when a server is killed', async () => {
    process.kill(cluster.servers[0]!.pid, 'SIGKILL')
    await verifies()
    await statusOnceSettled(2)
    assert.ok(!readClusterFile().servers.some(({ pid }) => pid === cluster.servers[0]!.pid))
  })

  it('nor when the active master is: the other one takes over', async () => {
    const { id, pid } = readClusterFile().masters.find(({ role }) => role === 'active')!
    process.kill(pid, 'SIGKILL')
    await verifies()
    const isOver = (): boolean => readClusterFile().masters.some((m) => m.id !== id && m.role === 'active')
    await waitUntil(isOver, { what: 'cluster.json to tell of another active master' })
  })

  it('nor when, after it has settled, a second one is', async () => {
    process.kill(cluster.servers[1]!.pid, 'SIGKILL')
    await verifies()
    await statusOnceSettled(1)
  })

  it('a server started again joins and takes its share', async () => {
    replacement = icf(['cache', '--port', cluster.servers[1]!.port, ...masters])
    const { servers } = await statusOnceSettled(2)
    for (const { primarySlots, backupSlots } of servers) assert.ok(primarySlots > 0 && backupSlots > 0)
    await verifies()
  })

  it('icf shutdown lets a server go when it has handed over', async () => {
    const { host, port, pid } = cluster.servers[2]!
    const { code, stderr } = await runIcf(['shutdown', `${host}:${port}`, ...masters])
    assert.equal(code, 0, stderr)
    await waitUntil(() => !readClusterFile().servers.some((server) => server.pid === pid), {
      what: 'its end',
    })
    await verifies()
    await statusOnceSettled(1)
  })

  it('Ctrl-C ends what icf up started', async () => {
    up.signal('SIGINT')
    await up.exited
    for (const { pid } of [...cluster.masters, ...cluster.servers])
      assert.ok(!existsSync(`/proc/${pid}`), `${pid} is left`)
  })

  async function verifies(): Promise<void> {
    const { code, stdout, stderr } = await runIcf(['verify', data, '--json', ...masters])
    assert.equal(code, 0, `${stdout}${stderr}`)
    const { files, same } = JSON.parse(stdout) as { files: number; same: number }
    assert.ok(files > 10 && same === files)
  }

  /** The master must first have noticed: a cluster that does not know of a death yet is settled, too. */
  async function statusOnceSettled(servers: number): Promise<Status> {
    await waitUntil(async () => (await status()).servers.length === servers, {
      what: `${servers} servers`,
      everyMs: 100,
    })
    return status('--wait', '--timeout', '120s')
  }

  async function status(...args: string[]): Promise<Status> {
    const { code, stdout, stderr } = await runIcf(['status', '--json', ...args, ...masters])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Status
  }

  function readClusterFile(): ClusterFile {
    return JSON.parse(readFileSync(join(clusterDir, 'cluster.json'), 'utf8')) as ClusterFile
  }
})

/** A package with its many small files, one of 5 MB, an empty one, and names of all kinds. */
function makeData(folder: string): void {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const aPackage = join(root, 'node_modules', 'msgpackr')
  cpSync(aPackage, folder, { recursive: true })
  const random = new Random(5)
  writeFileSync(
    join(folder, 'large.bin'),
    Uint8Array.from({ length: 5_000_000 }, () => random.integer(0, 256)),
  )
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, 'naïve name {with} braces, 汉字.txt'), 'text')
}
