import { type EventEmitter, once } from 'node:events'
import type { Driver } from './driver.js'

/** What ioredis and its fork have in common. */
interface Cluster extends EventEmitter {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<unknown>
  quit(): Promise<unknown>
}

type ClusterClass = new (
  nodes: { host: string; port: number }[],
  options: { enableAutoPipelining: boolean },
) => Cluster

/** Auto-pipelining is what their documentation recommends for throughput; the rest is as it comes. */
export async function connectAutoPipelined(Class: ClusterClass, nodes: readonly string[]): Promise<Driver> {
  const startupNodes = nodes.map((node) => ({ host: node.split(':')[0]!, port: Number(node.split(':')[1]) }))
  const cluster = new Class(startupNodes, { enableAutoPipelining: true })
  await once(cluster, 'ready')
  return {
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    close: async () => void (await cluster.quit()),
  }
}
