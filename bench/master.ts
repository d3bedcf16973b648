import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuTimeMs } from './cpu-time.js'
import { IcfProcesses } from './icf-processes.js'
import type { ClientsTask, Received, ServersTask } from './master-load/tasks.js'

/**
 * What a large cluster costs its master: a real one, with simulated cache servers that beat and report, and simulated
 * clients that read. `npm run bench:master`, smaller with `-- --servers 100 --clients 1000`. Linux only: it reads /proc.
 */
const REST_MS = 10_000
/** Nothing more came to clients for this long: the change has been told to all. */
const QUIET_MS = 1000

/** Servers that join at a time: the one process that simulates them all is what takes long. */
const JOINING = 50

const { values } = parseArgs({
  // A master takes no more clients than these.
  options: { servers: { type: 'string', default: '500' }, clients: { type: 'string', default: '8000' } },
})
const [serverCount, clientCount] = [Number(values.servers), Number(values.clients)]

const cluster = await IcfProcesses.start(0)
const port = cluster.master.split(':')[1]!
const servers = run('servers')
const clients = run('clients')

await untilMasterListens()
for (let left = serverCount; left > 0; left -= JOINING) {
  await tell(servers, { kind: 'join', count: Math.min(left, JOINING), weight: 1 })
  await cluster.settled()
}
console.log(`${serverCount} cache servers`)
await atRest()
console.log(`${serverCount} cache servers, ${clientCount} clients`)
await measure('all clients connect', () => tell(clients, { kind: 'connect', count: clientCount }))
await atRest()
await measure('a small version: one that holds nothing joins', () => join(0))
await measure('a join', () => join(1))
await measure('a death', () => tell(servers, { kind: 'end' }))
servers.disconnect()
clients.disconnect()
await cluster.end()

async function untilMasterListens(): Promise<void> {
  for (;;) {
    const socket = connect(Number(port), '127.0.0.1')
    const isOpen = await once(socket, 'connect').catch(() => undefined)
    socket.destroy()
    if (isOpen) return
    await delay(50)
  }
}

function join(weight: number): Promise<unknown> {
  return tell(servers, { kind: 'join', count: 1, weight })
}

function run(name: 'servers' | 'clients'): ChildProcess {
  const child = fork(fileURLToPath(new URL(`master-load/${name}.js`, import.meta.url)), [port])
  child.once('exit', (code) => code === 0 || process.exit(1))
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

async function tell(child: ChildProcess, task: ServersTask | ClientsTask): Promise<unknown> {
  const answer = once(child, 'message')
  child.send(task)
  return (await answer)[0] as unknown
}

async function atRest(): Promise<void> {
  const before = masterCpuMs()
  await delay(REST_MS)
  console.log(`  at rest: ${((masterCpuMs() - before) / REST_MS).toFixed(2)} cores`)
}

async function measure(what: string, cause: () => Promise<unknown>): Promise<void> {
  await takeReceived()
  const [cpuBefore, startedAt] = [masterCpuMs(), performance.now()]
  await cause()
  await cluster.settled()
  let [bytes, frames] = [0, 0]
  let lastAt = performance.now()
  for (; performance.now() - lastAt < QUIET_MS; await delay(50)) {
    const more = await takeReceived()
    if (more.frames === 0) continue
    lastAt = performance.now()
    bytes += more.bytes
    frames += more.frames
  }
  const seconds = (lastAt - startedAt) / 1000
  const cpuSeconds = (masterCpuMs() - cpuBefore) / 1000
  console.log(
    `  ${what}: ${cpuSeconds.toFixed(2)} s of CPU in ${seconds.toFixed(1)} s; to a client ${Math.round(bytes / clientCount)} bytes in ${(frames / clientCount).toFixed(1)} messages`,
  )
}

async function takeReceived(): Promise<Received> {
  return (await tell(clients, { kind: 'received' })) as Received
}

function masterCpuMs(): number {
  return cpuTimeMs([cluster.masterPid])!
}
