import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Children } from '../children.js'
import { freeBasePort, upOffsets } from '@icf/testkit/ports'
import { profiling } from '../profiling.js'
import type { System } from './system.js'

const SERVERS = 3
/** As many as `icf up` starts by itself. */
const MASTERS = 2
const packageDir = new URL('../../../packages/cli/', import.meta.url)

/** The part of DIR/cluster.json that is used here. */
interface ClusterFile {
  readonly masters: readonly { pid: number; host: string; port: number }[]
  readonly servers: readonly { pid: number }[]
}

/** `icf up` as a user would start it. */
export async function startIcf(children: Children, cpuProfileDir: string | undefined): Promise<System> {
  const dir = mkdtempSync(join(tmpdir(), 'icf-bench-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const basePort = await freeBasePort(upOffsets(SERVERS, MASTERS))
  const main = fileURLToPath(new URL('dist/main.js', packageDir))
  const args = ['up', '--servers', SERVERS, '--base-port', basePort, '--dir', dir, '--json'].map(String)
  const child = spawn(process.execPath, [main, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...profiling(cpuProfileDir, 'icf') },
  })
  children.add(child, 'SIGINT')
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), failure(child)])) as [
    string,
  ]
  const cluster = JSON.parse(line) as ClusterFile
  const serverPids = [...cluster.masters, ...cluster.servers].map(({ pid }) => pid)
  children.addPids(serverPids)
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageDir), 'utf8')) as {
    version: string
  }
  return {
    addresses: cluster.masters.map(({ host, port }) => `${host}:${port}`),
    serverPids,
    version: `icf ${version}`,
  }
}

async function failure(child: ReturnType<typeof spawn>): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`icf up ended with ${code} before it served`)
}
