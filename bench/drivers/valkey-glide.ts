import { GlideClusterClient } from '@valkey/valkey-glide'
import type { Driver } from './driver.js'

/** In flight it allows 1000 by itself; everything is as it comes. */
export async function connect(nodes: readonly string[]): Promise<Driver> {
  const addresses = nodes.map((node) => ({ host: node.split(':')[0]!, port: Number(node.split(':')[1]) }))
  const client = await GlideClusterClient.createClient({ addresses })
  return {
    get: async (key) => (await client.get(key)) as string | null,
    set: (key, value) => client.set(key, value),
    close: () => Promise.resolve(client.close()),
  }
}
