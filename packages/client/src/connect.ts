import type { Runtime } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { Client } from './client.js'
import { readOptions, type ConnectOptions } from './options.js'
import { Emitter } from './shell/emitter.js'
import { Session, type ClientEvents } from './shell/session.js'

export type { Client }

/**
 * Connects to a cluster: resolves once one of the masters has sent the topology.
 *
 * From then on the client talks straight to the cache servers, over one connection each; the masters push every change.
 * It goes on by the last topology while no master is there, and reconnects by itself. It keeps the process alive until
 * it is closed.
 *
 *     await using cache = await connect({ masters: ['127.0.0.1:7000', '127.0.0.1:7001'] })
 *     await cache.set('user:1', { name: 'Zhang San' }, { ttlMs: 60_000 })
 *
 * @throws IcfError INVALID_ARGUMENT when an option is wrong; UNREACHABLE when no master answered within
 *   `connectTimeoutMs`, with the reason for each address; WRONG_CLUSTER or WRONG_PROTOCOL_VERSION at once
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return connectOn(nodeRuntime, options)
}

/** `connect` on whatever runtime, to a cluster of so many slots. */
export async function connectOn(
  runtime: Runtime,
  options: ConnectOptions,
  slotCount?: number,
): Promise<Client> {
  const events = new Emitter<ClientEvents>()
  const session = new Session(runtime, readOptions(options), events, slotCount)
  try {
    await session.ready()
  } catch (error) {
    await session.close()
    throw error
  }
  return new Client(session, events)
}
