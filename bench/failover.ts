import { connect } from '@icf/client'
import { parseArgs } from 'node:util'
import { IcfProcesses } from './icf-processes.js'
import { printRounds, SteadyLoad } from './steady-load.js'

/**
 * How long the longest call takes when a cache server is killed, or stopped, under 64 readers and writers:
 * `npm run bench:failover -- --rounds 5`. Every call must succeed.
 */

/** Longer than a stopped server can hold up a call: dead after 1.5 s, and then some. */
const OBSERVE_MS = 4000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const cluster = await IcfProcesses.start({ servers: 4 })
await cluster.settled()
const cache = await connect({ masters: cluster.masters, connectTimeoutMs: 30_000 })
const load = new SteadyLoad(cache)
for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  const longest: number[] = []
  for (let round = 0; round < Number(values.rounds); round++) longest.push(await strike(signal))
  printRounds(`${signal}: longest call`, longest)
}
await load.stop()
console.log(`${load.calls} calls, no error`)
await cache.close()
await cluster.end()

/** @returns the longest call from the signal on, in ms */
async function strike(signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  await cluster.settled()
  const victim = cluster.servers.shift()!
  load.longestMs = 0
  victim.kill(signal)
  await new Promise((resolve) => setTimeout(resolve, OBSERVE_MS))
  const result = load.longestMs
  victim.kill('SIGKILL')
  await cluster.addServer()
  return result
}
