// The longest turn of an event loop, of any server's, in floods that clients can make: `npm run bench:turns`, or some of them by a
// part of their names. Linux only: it reads /proc.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@icf/client'
import { parseAddress } from '@icf/common/node'
import { IcfProcesses } from './icf-processes.js'
import { floods, type Flood } from './turns/floods.js'

const MAX_MEMORY = '256mb'
const PATIENCE_MS = 120_000

/** What the meter tells. */
interface Measured {
  readonly longestMs: number
  readonly collectingMs: number
}

process.env['NODE_OPTIONS'] = `--import=${new URL('./turns/meter.js', import.meta.url).href}`
const parts = process.argv.slice(2)

console.log('| flood | longest turn | of that collecting garbage | most resident memory | result |')
console.log('|---|---|---|---|---|')
for (const flood of floods)
  if (parts.length === 0 || parts.some((part) => flood.name.includes(part))) console.log(await measure(flood))

/** On processes of its own. */
async function measure({
  name,
  isOfMaster,
  servers = 1,
  maxMemory = MAX_MEMORY,
  prepare,
  run,
}: Flood): Promise<string> {
  const cluster = await IcfProcesses.start({ servers, serverOptions: ['--max-memory', maxMemory] })
  const children = isOfMaster ? cluster.masterProcesses : cluster.servers
  await cluster.settled()
  const cache = await connect({ masters: cluster.masters, timeoutMs: PATIENCE_MS, connectTimeoutMs: 30_000 })
  const target = { server: cache.where('k')!.primary!, master: parseAddress(cluster.masters[0]!), cache }
  await prepare?.(target)
  for (const child of children) child.send('begin')
  const late = sleep(PATIENCE_MS, `not within ${PATIENCE_MS} ms`, { ref: false })
  const result = await Promise.race([run(target), late])
  const { longestMs, collectingMs } = (await Promise.all(children.map(end))).reduce(longer)
  const peakMib = Math.round(Math.max(...children.map(peakKib)) / 1024)
  await cache.close()
  await cluster.end()
  return `| ${name} | ${longestMs.toFixed(1)} ms | ${collectingMs.toFixed(1)} ms | ${peakMib} MiB | ${result} |`
}

async function end(child: ChildProcess): Promise<Measured> {
  child.send('end')
  return ((await once(child, 'message')) as [Measured])[0]
}

function longer(a: Measured, b: Measured): Measured {
  return a.longestMs > b.longestMs ? a : b
}

function peakKib(child: ChildProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1])
}
