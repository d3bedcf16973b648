import type { Client } from '@icf/client'
import type { AdminSession } from './admin-session.js'
import type { AdminClient } from './admin.js'
import type { ConnectOptions } from './options.js'

/** Runs `work` with a connection to the master, and closes it whatever comes. */
export async function withAdmin<T>(
  options: ConnectOptions,
  work: (admin: AdminClient) => Promise<T>,
): Promise<T> {
  const { AdminClient } = await import('./admin.js')
  const { masters, cluster, timeout } = options
  const admin = await AdminClient.connect({ masters, cluster, timeoutMs: timeout })
  try {
    return await work(admin)
  } finally {
    admin.close()
  }
}

/** For questions that are asked again and again; close it. */
export async function openSession({ masters, cluster, timeout }: ConnectOptions): Promise<AdminSession> {
  const { AdminSession } = await import('./admin-session.js')
  return new AdminSession({ masters, cluster, timeoutMs: timeout })
}

/** A cluster that has a master answers sooner; one that has none should not keep people waiting. */
const CONNECT_TIMEOUT_MS = 3000

/** Runs `work` with the SDK, and closes it whatever comes. */
export async function withCache<T>(options: ConnectOptions, work: (cache: Client) => Promise<T>): Promise<T> {
  const [{ connect, IcfError }, { masterList, NO_CLUSTER_HINT, requireMaster }] = await Promise.all([
    import('@icf/client'),
    import('./admin.js'),
  ])
  const { masters, cluster, timeout } = options
  const connectTimeoutMs = Math.min(timeout, CONNECT_TIMEOUT_MS)
  const settings = { masters: masterList(masters), cluster, timeoutMs: timeout, connectTimeoutMs }
  // The SDK goes on trying: who is at a prompt wants to know at once that nobody is there.
  await requireMaster({ masters, cluster, timeoutMs: connectTimeoutMs })
  const cache = await connect(settings).catch((error: unknown) => {
    if (!(error instanceof IcfError) || error.code !== 'UNREACHABLE') throw error
    throw new IcfError(error.code, `${error.message} ${NO_CLUSTER_HINT}`, { cause: error.cause })
  })
  try {
    return await work(cache)
  } finally {
    await cache.close()
  }
}
