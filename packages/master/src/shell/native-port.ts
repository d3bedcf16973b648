import { timingDetails, type Introduction, type Runtime, type Timing } from '@icf/common'
import { listen, type Address, type Listener } from '@icf/common/node'
import type { MasterCore } from '../core/index.js'
import { serveAdmin, type Administration } from './admin.js'
import type { Runner } from './runner.js'

export interface NativePortOptions {
  readonly address: Address
  readonly cluster: string
  readonly masterId: string
  readonly timing: Timing
  readonly core: MasterCore
  readonly runner: Runner
  readonly administration: Administration
}

/** Accepts cache servers, clients and operators. */
export function listenNative(runtime: Runtime, options: NativePortOptions): Promise<Listener> {
  const { address, cluster, masterId, core, runner, administration } = options
  return listen(runtime, address, cluster, {
    introduce: ({ role }: Introduction) => ({
      role: 'master',
      cluster,
      id: masterId,
      details: role === 'cache-server' ? timingDetails(options.timing) : [],
    }),
    admit: (hello) => core.admit(hello),
    opened: (link) => (link.remote.role === 'admin' ? serveAdmin(link, administration) : runner.opened(link)),
  })
}
