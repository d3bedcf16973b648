import { createCluster } from 'redis'
import type { Driver } from './driver.js'

/** It pipelines by itself; everything is as it comes. */
export async function connect(nodes: readonly string[]): Promise<Driver> {
  const cluster = createCluster({ rootNodes: nodes.map((node) => ({ url: `redis://${node}` })) })
  cluster.on('error', (error: Error) => console.error(`node-redis: ${error.message}`))
  await cluster.connect()
  return {
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: () => cluster.close(),
  }
}
