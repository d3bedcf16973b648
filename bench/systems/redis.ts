import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Children } from '../children.js'
import { freeBasePort } from '@icf/testkit/ports'
import type { System } from './system.js'

const SERVER = 'redis-server'
const CLI = 'redis-cli'
const NODES = 6
const START_TIMEOUT_MS = 30_000
const CLUSTER_BUS_OFFSET = 100

const run = promisify(execFile)

/** The installed version, or undefined when redis-server or redis-cli is missing. */
export async function redisVersion(): Promise<string | undefined> {
  try {
    await run(CLI, ['--version'])
    const { stdout } = await run(SERVER, ['--version'])
    return /v=(\S+)/.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

/** Three primaries with a replica each, in memory only. */
export async function startRedis(version: string, children: Children): Promise<System> {
  const dir = mkdtempSync(join(tmpdir(), 'icf-bench-redis-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const indexes = Array.from({ length: NODES }, (_, index) => index)
  const base = await freeBasePort(indexes.flatMap((index) => [index, index + CLUSTER_BUS_OFFSET]))
  const ports = indexes.map((index) => base + index)
  const serverPids = await Promise.all(ports.map((port) => startNode(port, dir, children)))
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  await run(CLI, ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'])
  for (const port of ports) await untilReady(port)
  return { addresses, serverPids, version: `redis ${version}` }
}

async function startNode(port: number, dir: string, children: Children): Promise<number> {
  const settings = {
    port,
    bind: '127.0.0.1',
    dir,
    'cluster-enabled': 'yes',
    'cluster-port': port + CLUSTER_BUS_OFFSET,
    'cluster-config-file': `nodes-${port}.conf`,
    save: '',
    appendonly: 'no',
    // The first copy to the replicas need not wait for more replicas to ask.
    'repl-diskless-sync-delay': 0,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(SERVER, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child, 'SIGTERM')
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${output}`)))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('Ready to accept connections')) resolve()
    })
  })
  return child.pid!
}

/** The node knows that all slots are served and, as a replica, has its copy. */
async function untilReady(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const { stdout: cluster } = await run(CLI, ['-p', String(port), 'cluster', 'info'])
    const { stdout: replication } = await run(CLI, ['-p', String(port), 'info', 'replication'])
    if (cluster.includes('cluster_state:ok') && /role:master|master_link_status:up/.test(replication)) return
    if (Date.now() > deadline)
      throw new Error(`the Redis Cluster is not ready after ${START_TIMEOUT_MS} ms:\n${cluster}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
