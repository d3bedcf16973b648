import { dial, isRefused } from '@icf/common/node'
import type { Effect, Finding } from '../core/index.js'

type Probe = Extract<Effect, { type: 'probe' }>

/** Sees who is at a server's address. Only a refused connection, or another process there, proves that it is gone. */
export async function probe(
  { server, timeoutMs }: Probe,
  cluster: string,
  masterId: string,
): Promise<Finding> {
  try {
    const link = await dial(server, { role: 'probe', cluster, id: masterId, details: [] }, timeoutMs)
    const foundId = link.remote.id
    link.terminate()
    return { outcome: foundId === server.id ? 'alive' : 'gone', foundId }
  } catch (error) {
    return { outcome: isRefused(error) ? 'gone' : 'unknown' }
  }
}
