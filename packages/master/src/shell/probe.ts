import type { Runtime } from '@icf/common'
import { dial, isRefused } from '@icf/common/node'
import type { Effect, Finding } from '../core/index.js'

type Probe = Extract<Effect, { type: 'probe' }>

/** Sees who is at a server's address. Only a refused connection, or another process there, proves that it is gone. */
export async function probe(
  runtime: Runtime,
  { server, timeoutMs }: Probe,
  cluster: string,
  masterId: string,
): Promise<Finding> {
  try {
    const self = { role: 'probe', cluster, id: masterId, details: [] } as const
    const link = await dial(runtime, server, self, timeoutMs)
    const foundId = link.remote.id
    link.terminate()
    return { outcome: foundId === server.id ? 'alive' : 'gone', foundId }
  } catch (error) {
    return { outcome: isRefused(error) ? 'gone' : 'unknown' }
  }
}
