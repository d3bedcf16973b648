import { connect } from '@icf/client'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { IcfProcesses } from './icf-processes.js'
import { printRounds, SteadyLoad } from './steady-load.js'

/**
 * How long it takes until the next master's first version is in effect, and how long the longest call takes, when the active one
 * of two masters is killed, stopped, told to end, or to hand over, under 64 readers and writers:
 * `npm run bench:takeover -- --rounds 10`. Every call must succeed.
 */

/** After the takeover, until the round ends. */
const OBSERVE_MS = 2000

interface Round {
  readonly takeoverMs: number
  readonly longestMs: number
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } })
const cluster = await IcfProcesses.start({ servers: 3, masters: 2 })
await cluster.untilBothVote()
await cluster.settled()
const cache = await connect({ masters: cluster.masters, connectTimeoutMs: 30_000 })
const load = new SteadyLoad(cache)
for (const signal of ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'icf failover'] as const) {
  const rounds: Round[] = []
  for (let round = 0; round < Number(values.rounds); round++) rounds.push(await strike(signal))
  printRounds(`${signal}: until a client has the next master's first version`, rounds.map(({ takeoverMs }) => takeoverMs)) // prettier-ignore
  printRounds(`${signal}: longest call`, rounds.map(({ longestMs }) => longestMs)) // prettier-ignore
}
await load.stop()
console.log(`${load.calls} calls, no error`)
await cache.close()
await cluster.end()

async function strike(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGTERM' | 'icf failover'): Promise<Round> {
  const { active, epoch } = await cluster.untilBothVote()
  const victim = cluster.masterProcesses[active]!
  load.longestMs = 0
  const startedAt = performance.now()
  // Without the time that the command takes to start.
  const failoverMs = signal === 'icf failover' ? await cluster.failover() : undefined
  if (signal !== 'icf failover') victim.kill(signal)
  while (cache.topology.epoch <= epoch) await new Promise((resolve) => cache.once('topology', resolve))
  const takeoverMs = failoverMs ?? performance.now() - startedAt
  await new Promise((resolve) => setTimeout(resolve, OBSERVE_MS))
  const round = { takeoverMs, longestMs: load.longestMs }
  if (signal === 'SIGSTOP') victim.kill('SIGCONT')
  else if (signal !== 'icf failover') {
    if (victim.exitCode === null && victim.signalCode === null) await once(victim, 'exit')
    cluster.restartMaster(active)
  }
  return round
}
