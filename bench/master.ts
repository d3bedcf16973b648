import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MasterProcess } from './master-load/master-process.js'
import { requireOpenFiles } from './master-load/open-files.js'
import type { ClientsTask, Received, Serving, ServersTask } from './master-load/tasks.js'
import { profiling } from './profiling.js'

/**
 * What a large cluster costs its master: a real one, with simulated cache servers that beat and report, and simulated
 * clients that read. `npm run bench:master`, smaller with `-- --servers 100 --clients 1000`. Linux only: it reads /proc.
 *
 * `--cpu-prof DIR` writes a CPU profile of each process, for which masters are ended with SIGTERM, not killed.
 */
const REST_MS = 10_000
/** Nothing more came to clients for this long: the change has been told to all. */
const QUIET_MS = 1000
const LOOK_INTERVAL_MS = 100
/** A step that takes longer than this fails. */
const STEP_LIMIT_MS = 180_000
/** Servers that join at a time, at the start. */
const JOINING = 50

const { values } = parseArgs({
  // A master takes no more clients than these.
  options: {
    servers: { type: 'string', default: '500' },
    clients: { type: 'string', default: '8000' },
    'cpu-prof': { type: 'string' },
  },
})
const [serverCount, clientCount] = [Number(values.servers), Number(values.clients)]
const cpuProfileDir = values['cpu-prof']
requireOpenFiles(serverCount + clientCount)

const master = await MasterProcess.start(cpuProfileDir)
const servers = run('servers')
const clients = run('clients')
let longestLeaseMs = 0
let [bytes, frames] = [0, 0]

const startedAt = performance.now()
for (let joined = 0; joined < serverCount; joined += JOINING) {
  await tell(servers, { kind: 'join', count: Math.min(serverCount - joined, JOINING), weight: 1 })
  await settled()
}
const seconds = (performance.now() - startedAt) / 1000
console.log(
  `${serverCount} cache servers joined: ${(master.cpuMs / 1000).toFixed(1)} s of CPU in ${seconds.toFixed(1)} s`,
)
await atRest()
await measure(`${clientCount} clients connect`, () => tell(clients, { kind: 'connect', count: clientCount }))
await atRest()
await measure('a small version: one that holds nothing joins', () => join(0))
await measure('a join', () => join(1))
await measure('a death', () => tell(servers, { kind: 'end' }))
await measureRestart()
await tellOfDeaths()
servers.disconnect()
clients.disconnect()
await endMaster()

function join(weight: number): Promise<unknown> {
  return tell(servers, { kind: 'join', count: 1, weight })
}

function run(name: 'servers' | 'clients'): ChildProcess {
  const child = fork(
    fileURLToPath(new URL(`master-load/${name}.js`, import.meta.url)),
    [String(master.port)],
    { env: { ...process.env, ...profiling(cpuProfileDir, `simulated-${name}`) } },
  )
  child.once('exit', (code) => code === 0 || process.exit(1))
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

async function tell(child: ChildProcess, task: ServersTask | ClientsTask): Promise<unknown> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(STEP_LIMIT_MS) })
  child.send(task)
  try {
    return (await answer)[0] as unknown
  } catch (cause) {
    throw new Error(`not within ${STEP_LIMIT_MS} ms: ${JSON.stringify(task)}`, { cause })
  }
}

/** Looks again and again until nothing is missing. @param missing what still is; undefined when nothing is */
async function until(missing: () => Promise<string | undefined>): Promise<void> {
  const startedAt = performance.now()
  for (let last = await missing(); last !== undefined; last = await missing()) {
    if (performance.now() - startedAt > STEP_LIMIT_MS)
      throw new Error(`not within ${STEP_LIMIT_MS} ms: ${last}`)
    await delay(LOOK_INTERVAL_MS)
  }
}

/** Every slot served, every backup complete, no move pending. */
function settled(): Promise<void> {
  return until(async () => {
    try {
      const { settled, servers, slotsServed, movesPending, transitions } = await master.status()
      if (settled) return undefined
      const active = servers.filter(({ state }) => state === 'active').length
      return `${active} of ${servers.length} servers active, ${slotsServed} slots served, ${movesPending} moves pending, ${transitions} under way`
    } catch (error) {
      return String(error)
    }
  })
}

async function atRest(): Promise<void> {
  await look()
  longestLeaseMs = 0
  const cpuBefore = master.cpuMs
  await delay(REST_MS)
  const cores = (master.cpuMs - cpuBefore) / REST_MS
  await look()
  console.log(`  at rest: ${cores.toFixed(2)} cores; ${longestLease()}`)
}

/** Until it has settled, and clients are told no more. */
async function measure(what: string, cause: () => Promise<unknown>): Promise<void> {
  await look()
  longestLeaseMs = bytes = frames = 0
  const [cpuBefore, startedAt] = [master.cpuMs, performance.now()]
  await cause()
  await settled()
  let [lastAt, lastFrames] = [performance.now(), frames]
  for (; performance.now() - lastAt < QUIET_MS; await delay(LOOK_INTERVAL_MS)) {
    await look()
    if (frames > lastFrames) [lastAt, lastFrames] = [performance.now(), frames]
  }
  const seconds = (lastAt - startedAt) / 1000
  const cpuSeconds = (master.cpuMs - cpuBefore) / 1000
  console.log(
    `  ${what}: ${cpuSeconds.toFixed(2)} s of CPU in ${seconds.toFixed(1)} s; to a client ${Math.round(bytes / clientCount)} bytes in ${(frames / clientCount).toFixed(1)} messages; ${longestLease()}`,
  )
}

function endMaster(): Promise<void> {
  return master.end(cpuProfileDir === undefined ? 'SIGKILL' : 'SIGTERM')
}

/** The master is killed, and everybody comes back at once. */
async function measureRestart(): Promise<void> {
  await look()
  longestLeaseMs = 0
  await endMaster()
  master.start()
  const startedAt = performance.now()
  const sinceMs = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
  await until(async () => {
    const { leased } = await look()
    return leased === serverCount + 1 ? undefined : `${leased} of ${serverCount + 1} servers have a lease`
  })
  const allLeased = sinceMs()
  await until(async () => {
    const { following } = await look()
    return following === clientCount ? undefined : `${following} of ${clientCount} clients follow`
  })
  const allFollow = sinceMs()
  await settled()
  console.log(
    `  a restart: all servers have a lease after ${allLeased}, all clients follow after ${allFollow}; ${(master.cpuMs / 1000).toFixed(2)} s of CPU; ${longestLease()}`,
  )
}

function longestLease(): string {
  return `longest time on one lease ${Math.round(longestLeaseMs)} ms`
}

/** Adds what came since the last look. */
async function look(): Promise<{ leased: number; following: number }> {
  const serving = (await tell(servers, { kind: 'look' })) as Serving
  const received = (await tell(clients, { kind: 'look' })) as Received
  longestLeaseMs = Math.max(longestLeaseMs, serving.longestLeaseMs)
  bytes += received.bytes
  frames += received.frames
  return { ...serving, ...received }
}

/** One server died; nobody else should have been taken for dead. */
async function tellOfDeaths(): Promise<void> {
  const events = await master.events()
  const count = (type: string): number => events.filter((each) => each === type).length
  console.log(`events: ${count('REFLESH_IP')} deaths, ${count('SERVER_SILENT')} silences`)
}
