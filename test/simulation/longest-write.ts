import { isSettled } from './settled.js'
import { SimCluster, type SimClient } from './cluster.js'
import { Network } from './virtual/network.js'
import { CALM } from './virtual/weather.js'
import { World } from './virtual/world.js'

const MIB = 1024 ** 2
/** No write fails at its deadline meanwhile: how long it takes is what is asked. */
const PATIENCE_MS = 60_000
const LANES = 12
const GAP_MS = 20

export interface CalmCluster {
  readonly network: Network
  readonly cluster: SimCluster
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>
}

/**
 * Writes all the time to a cluster with one master and so many servers, on which nothing but `fault` happens; it begins when
 * the cluster is whole, and returns when the fault is over.
 * @returns virtual ms that the longest write took
 */
export async function longestWrite(
  servers: number,
  fault: (calm: CalmCluster) => Promise<void>,
): Promise<number> {
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
      await new Promise<void>((resolve) => process.runtime.setTimeout(resolve, GAP_MS))
    }
    lanesAtWork--
  }
  process.turn('writes', () => {
    for (; lanesAtWork < LANES; lanesAtWork++) void write(lanesAtWork)
  })
  await fault({ network, cluster, pass: (ms) => world.run(world.now + ms) })
  isOver = true
  await until('all writes end', () => lanesAtWork === 0)
  return longestMs
}
