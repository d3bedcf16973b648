import { once } from 'node:events'
import { Cluster } from 'iovalkey'
import type { Driver } from './driver.js'

/** As ioredis, of which it is a fork: with auto-pipelining, the rest as it comes. */
export async function connect(nodes: readonly string[]): Promise<Driver> {
  const startupNodes = nodes.map((node) => ({ host: node.split(':')[0]!, port: Number(node.split(':')[1]) }))
  const cluster = new Cluster(startupNodes, { enableAutoPipelining: true })
  await once(cluster, 'ready')
  return {
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: async () => void (await cluster.quit()),
  }
}
