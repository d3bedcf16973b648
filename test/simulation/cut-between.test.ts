// Cache servers that the master hears, and that do not reach each other: writes wait until no copy stands on the other side.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSettled } from './settled.js'
import { SimCluster, type SimClient } from './cluster.js'
import { Network } from './virtual/network.js'
import { CALM } from './virtual/weather.js'
import { World } from './virtual/world.js'

const MIB = 1024 ** 2
const PATIENCE_MS = 60_000
const CUT_MS = 6000
const LANES = 12
/** That a call has by default: a write that has come before did not fail. */
const DEADLINE_MS = 5000

/** Among so many servers, who is cut off from whom, by number. */
interface Cuts {
  readonly servers: number
  readonly pairs: readonly (readonly [number, number])[]
}

const CUTS: Readonly<Record<string, Cuts>> = {
  'two of four': { servers: 4, pairs: [[0, 1]] },
  'one of four none of the others': { servers: 4, pairs: [[0, 1], [0, 2], [0, 3]] },
  'none of three any other': { servers: 3, pairs: [[0, 1], [0, 2], [1, 2]] },
  'neither of two': { servers: 2, pairs: [[0, 1]] },
} // prettier-ignore

describe('while servers can not reach each other, no write waits until its deadline:', () => {
  for (const [what, cuts] of Object.entries(CUTS))
    for (const cutAfterMs of [0, 200])
      it(`${what}, cut ${cutAfterMs} ms later`, async () => {
        const longestMs = await longestWrite(cuts, cutAfterMs)
        assert.ok(longestMs > 1000, `the cut was noticed: ${longestMs} ms`)
        assert.ok(longestMs < DEADLINE_MS, `one took ${longestMs} ms`)
      })
})

async function longestWrite({ servers, pairs }: Cuts, cutAfterMs: number): Promise<number> {
  const world = new World(1)
  const network = new Network(world, CALM)
  const options = { masters: 1, slotCount: 512, budgets: [64 * MIB], zones: ['zone'] }
  const cluster = new SimCluster(network, options)
  const until = (what: string, isDone: () => boolean): Promise<void> => world.until(what, isDone, PATIENCE_MS)
  let user: SimClient | undefined
  for (let n = 0; n < servers; n++) cluster.startServer(`machine-${n}`)
  void cluster.startClient(PATIENCE_MS).then((started) => (user = started))
  await until('the cluster is whole', () => user !== undefined && isSettled(cluster))

  const { client, process } = user!
  let [longestMs, lanesAtWork, isOver] = [0, 0, false]
  const write = async (lane: number): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const startedAt = world.now
      await client.set(`key ${lane} ${n % 64}`, n)
      longestMs = Math.max(longestMs, world.now - startedAt)
      await new Promise<void>((resolve) => process.runtime.setTimeout(resolve, 20))
    }
    lanesAtWork--
  }
  process.turn('writes', () => {
    for (; lanesAtWork < LANES; lanesAtWork++) void write(lanesAtWork)
  })
  await world.run(world.now + cutAfterMs, () => false)
  for (const [a, b] of pairs) network.cut(`machine-${a}`, `machine-${b}`)
  await world.run(world.now + CUT_MS, () => false)
  isOver = true
  await until('all writes end', () => lanesAtWork === 0)
  return longestMs
}
