// A server that is given three times its budget stays within bounds and keeps what is used.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { platform } from 'node:os'
import { it } from 'node:test'
import type { Client } from '@icf/client'
import { withCluster } from '../support/cluster.js'

const MB = 1024 ** 2
const BUDGET_BYTES = 256 * MB
/** The budget is for the whole process. This much more is left to the collector's bad moments. */
const MAX_RSS_BYTES = 1.15 * BUDGET_BYTES

const VALUE_BYTES = 8192
const VALUES = (3 * BUDGET_BYTES) / VALUE_BYTES
const USED_KEYS = 500
/** The newest that must still be there, of what was written: far less than the budget holds. */
const NEWEST = Math.floor(VALUES / 20)
const IN_FLIGHT = 64

it('three times the memory budget is written', async (t) => {
  await withCluster({ servers: 1, serverArgs: ['--max-memory', `${BUDGET_BYTES}b`] }, async (cluster) => {
    const cache = await cluster.connect()
    try {
      await fill(cache)
      const { pid } = cluster.servers[0]!.child
      if (platform() === 'linux') {
        const peakBytes = peakRssBytes(pid)
        t.diagnostic(`peak RSS ${Math.round(peakBytes / MB)} MB`)
        assert.ok(peakBytes < MAX_RSS_BYTES, `the peak was ${Math.round(peakBytes / MB)} MB`)
      }
      assert.equal(await countPresent(cache, 'used', 0, USED_KEYS), USED_KEYS, 'keys in use')
      assert.equal(await countPresent(cache, 'once', VALUES - NEWEST, VALUES), NEWEST, 'the newest keys')
      assert.equal(await countPresent(cache, 'once', 0, NEWEST), 0, 'the oldest keys')
      const [status] = (await cluster.status()).servers
      assert.ok(status!.bytes <= BUDGET_BYTES, `${status!.bytes} bytes are stored`)
    } finally {
      await cache.close()
    }
  })
})

/** A machine or a container that is small makes V8's limit small. */
const SMALL_HEAP = { host: '127.0.0.1', prefix: ['env', 'NODE_OPTIONS=--max-old-space-size=100'] }
const TEXT_BYTES = 1000
const TEXTS_AT_ONCE = 1000
const TEXTS = 60_000
/** From Node.js 22.15 on. */
const CAN_BEGIN_ONCE_MORE = 'execve' in process

const noEnv = platform() === 'win32' ? 'needs the program "env"' : false

it('more text is written than V8 takes into its heap by itself', { skip: noEnv }, async () => {
  const places = { masters: [], servers: [SMALL_HEAP] }
  await withCluster({ servers: 1, serverArgs: ['--max-memory', '1gb'], places }, async (cluster) => {
    const cache = await cluster.connect()
    try {
      for (let from = 0; from < TEXTS; from += TEXTS_AT_ONCE) {
        const texts = Array.from({ length: TEXTS_AT_ONCE }, (_, n): [string, string] => {
          return [`text ${from + n}`, String(from + n).padEnd(TEXT_BYTES, '.')]
        })
        await cache.setMany(texts)
      }
      assert.notEqual(await cache.get(`text ${TEXTS - 1}`), undefined)
      // Where it began once more with a larger heap, all are there; else it took what it got, and said so.
      assert.equal((await cache.get('text 0')) !== undefined, CAN_BEGIN_ONCE_MORE)
      const warned = cluster.servers[0]!.child.stderr.includes(
        'does not let this process have all of --max-memory',
      )
      assert.equal(warned, !CAN_BEGIN_ONCE_MORE)
      const [status] = (await cluster.status()).servers
      assert.equal(status!.maxMemoryBytes === 1024 ** 3, CAN_BEGIN_ONCE_MORE, 'what it says it may take')
    } finally {
      await cache.close()
    }
  })
})

/** Writes each value once, and reads some other keys again and again meanwhile. */
async function fill(cache: Client): Promise<void> {
  for (let i = 0; i < USED_KEYS; i++) await cache.set(`used ${i}`, 'x'.repeat(100))
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < VALUES) {
      const number = next++
      await cache.set(`once ${number}`, String(number).padEnd(VALUE_BYTES, '.'))
      if (number % 10 === 0) await cache.get(`used ${(number / 10) % USED_KEYS}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
}

async function countPresent(cache: Client, prefix: string, from: number, to: number): Promise<number> {
  let present = 0
  for (let start = from; start < to; start += 1000) {
    const numbers = Array.from({ length: Math.min(1000, to - start) }, (_, index) => start + index)
    const values = await Promise.all(numbers.map((number) => cache.get(`${prefix} ${number}`)))
    present += values.filter((value) => value !== undefined).length
  }
  return present
}

/** The most that the process ever had in memory. */
function peakRssBytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}
