import { timingDetails, type Introduction, type Runtime, type Timing } from '@icf/common'
import { listen, type Address, type Link, type Listener } from '@icf/common/node'
import { serveAdmin, type Administration } from './admin.js'

export interface NativePortOptions {
  readonly address: Address
  readonly cluster: string
  readonly masterId: string
  readonly timing: Timing
  readonly administration: Administration
  /** @throws IcfError the refusal */
  admit(hello: Introduction): void
  /** A cache server or client has connected. */
  opened(link: Link): void
}

/** Accepts cache servers, clients and operators. */
export function listenNative(runtime: Runtime, options: NativePortOptions): Promise<Listener> {
  const { address, cluster, masterId, administration } = options
  return listen(runtime, address, cluster, {
    introduce: ({ role }: Introduction) => ({
      role: 'master',
      cluster,
      id: masterId,
      details: role === 'cache-server' ? timingDetails(options.timing) : [],
    }),
    admit: (hello) => options.admit(hello),
    opened: (link) =>
      link.remote.role === 'admin' ? serveAdmin(link, administration) : options.opened(link),
  })
}
