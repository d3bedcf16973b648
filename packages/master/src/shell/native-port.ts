import {
  mastersDetails,
  timingDetails,
  type Introduction,
  type MasterInfo,
  type Role,
  type Runtime,
  type Timing,
} from '@icf/common'
import { listen, type Address, type Link, type Listener } from '@icf/common/node'
import type { Peers } from './coordination.js'
import { serveAdmin, type Administration } from './admin.js'

export interface NativePortOptions {
  readonly address: Address
  readonly cluster: string
  readonly masterId: string
  readonly timing: Timing
  /** Where there may be several masters: others may connect. */
  readonly peers: Peers | undefined
  readonly administration: Administration
  /** That it knows, itself among them. */
  masters(): readonly MasterInfo[]
  /** @throws IcfError the refusal */
  admit(hello: Introduction): void
  /** A cache server or client has connected. */
  opened(link: Link): void
}

/** Accepts cache servers, clients, operators and, where there may be several, other masters. */
export function listenNative(runtime: Runtime, options: NativePortOptions): Promise<Listener> {
  const { address, cluster, masterId, administration, peers } = options
  return listen(runtime, address, cluster, {
    introduce: ({ role }: Introduction) => ({
      role: 'master',
      cluster,
      id: masterId,
      details: detailsFor(role, options),
    }),
    admit: (hello) => {
      if (hello.role === 'master' && peers) peers.admitMaster()
      else options.admit(hello)
    },
    opened: (link) => {
      if (link.remote.role === 'admin') serveAdmin(link, administration)
      else if (link.remote.role === 'master') peers!.masterConnected(link)
      else options.opened(link)
    },
  })
}

function detailsFor(role: Role, { timing, peers, masters }: NativePortOptions): readonly unknown[] {
  switch (role) {
    case 'cache-server':
      return timingDetails(timing, masters())
    case 'client':
    case 'admin':
      return mastersDetails(masters())
    case 'master':
      return peers?.details() ?? []
    case 'probe':
      return []
    default:
      return role satisfies never
  }
}
