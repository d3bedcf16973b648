// The largest value goes from server to server while small ones of its own slot are written.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { limits } from '@icf/common'
import type { Client } from '@icf/client'
import { underLoad } from '../support/scenario.js'
import type { Workload } from '../support/workload/workload.js'

/** The workload writes many keys with this tag. */
const KEY = 'large {crowd 0}'
const PATIENT = { timeoutMs: 60_000 }
/** Room for the value as a primary, as a backup and under way. */
const size = { servers: 1, keys: 2000, serverArgs: ['--max-memory', '512mb'] }

it('a value of 64 MB is there all the time while servers join and leave under load', async (t) => {
  const large = numbered(limits.maxValueBytes)
  await underLoad(t, size, async (cluster, workload) => {
    const cache = await cluster.connect()
    try {
      await cache.set(KEY, large, PATIENT)
      const reading = readAgainAndAgain(cache, large, workload)
      try {
        await Promise.all([cluster.addServer(), cluster.addServer()])
        await cluster.settled()
        await workload.progress(2000)
        const { primary, backup } = cache.where(KEY)
        assert.ok(primary && backup, 'its second copy has been made')

        // Its backup takes over and makes a new one on the third server.
        const [exit] = await cluster.shutdown(cluster.servers.find(({ port }) => port === primary.port)!)
        assert.deepEqual(exit, { code: 0, signal: null })
        await cluster.settled()
        await workload.progress(2000)
        const now = cache.where(KEY)
        assert.ok(now.primary && now.backup)
        assert.ok(![now.primary.id, now.backup.id].includes(primary.id))
      } finally {
        t.diagnostic(`the value was read ${await reading.stop()} times meanwhile`)
      }
      await requireSame(cache, large)
    } finally {
      await cache.close()
    }
  })
})

/** No part of it is like another. */
function numbered(bytes: number): Buffer {
  const numbers = new Uint32Array(bytes / 4)
  for (let i = 0; i < numbers.length; i++) numbers[i] = i
  return Buffer.from(numbers.buffer)
}

/** `stop` returns how often it was read, once the last time was right as well. Most of the time is for the small values. */
function readAgainAndAgain(cache: Client, expected: Buffer, workload: Workload): { stop(): Promise<number> } {
  let isStopping = false
  const reading = (async () => {
    for (let reads = 1; ; reads++) {
      await requireSame(cache, expected)
      if (isStopping) return reads
      await workload.progress(500)
    }
  })()
  reading.catch(() => undefined)
  return {
    stop() {
      isStopping = true
      return reading
    },
  }
}

async function requireSame(cache: Client, expected: Buffer): Promise<void> {
  const value = await cache.get(KEY, PATIENT)
  assert.ok(value instanceof Uint8Array && expected.equals(value), 'not the value that was stored')
}
