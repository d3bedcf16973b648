import { connect } from '@icf/client'
import { parseArgs } from 'node:util'
import { IcfProcesses } from './icf-processes.js'

/**
 * How long the longest call takes when a cache server is killed, or stopped, under 64 readers and writers:
 * `npm run bench:failover -- --rounds 5`. Every call must succeed.
 */
const LANES = 64
const KEYS = 20_000
/** Longer than a stopped server can hold up a call: dead after 1.5 s, and then some. */
const OBSERVE_MS = 4000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const cluster = await IcfProcesses.start(4)
const cache = await connect({ masters: [cluster.master], connectTimeoutMs: 30_000 })

let longestMs = 0
let calls = 0
let isOver = false
let next = 0

async function lane(number: number): Promise<void> {
  while (!isOver) {
    const key = `key:${next++ % KEYS}`
    const startedAt = performance.now()
    if (number % 2 === 0) await cache.set(key, 'x'.repeat(100))
    else await cache.get(key)
    calls++
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
}

const lanes = Array.from({ length: LANES }, (_, number) => lane(number))
for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  const longest: number[] = []
  for (let round = 0; round < Number(values.rounds); round++) longest.push(await strike(signal))
  longest.sort((a, b) => a - b)
  const figures = longest.map((ms) => ms.toFixed(0)).join(', ')
  console.log(
    `${signal}: longest call of each round, ms: ${figures}; median ${longest[longest.length >> 1]!.toFixed(0)}`,
  )
}
isOver = true
await Promise.all(lanes)
console.log(`${calls} calls, no error`)
await cache.close()
await cluster.end()

/** @returns the longest call from the signal on, in ms */
async function strike(signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  await cluster.settled()
  const victim = cluster.servers.shift()!
  longestMs = 0
  victim.kill(signal)
  await new Promise((resolve) => setTimeout(resolve, OBSERVE_MS))
  const result = longestMs
  victim.kill('SIGKILL')
  await cluster.addServer()
  return result
}
