import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Children } from './children.js'
import { cpuTimeMs } from './cpu-time.js'
import { printRounds } from './steady-load.js'
import { startIcf } from './systems/icf.js'
import { redisVersion, startRedis } from './systems/redis.js'
import type { System } from './systems/system.js'

/**
 * The CPU time that clusters take which have nothing to do, all of their processes together:
 * `npm run bench:idle -- --rounds 5`. Linux only: it reads /proc.
 */

/** By then a new cluster has settled, and a master is warm. */
const SETTLE_MS = 8000
const ROUND_MS = 10_000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const children = new Children()
const systems = [await startIcf(children, undefined)]
const version = await redisVersion()
if (version) systems.push(await startRedis(version, children))
await sleep(SETTLE_MS)
const rounds = systems.map((): number[] => [])
for (let round = 0; round < Number(values.rounds); round++) {
  const before = systems.map(cpuMs)
  await sleep(ROUND_MS)
  for (const [i, system] of systems.entries())
    rounds[i]!.push((cpuMs(system) - before[i]!) / (ROUND_MS / 1000))
}
for (const [i, { version: name, serverPids }] of systems.entries())
  printRounds(`${name}, ${serverPids.length} processes: CPU time in a second`, rounds[i]!)
await children.stop()

function cpuMs({ serverPids }: System): number {
  const ms = cpuTimeMs(serverPids)
  if (ms === undefined) throw new Error('a process has ended, or there is no /proc here')
  return ms
}
