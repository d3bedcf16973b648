import type { Runtime } from '@icf/common'
import type { Address } from '@icf/common/node'
import { MasterNode } from './master-node.js'
import type { MasterOptions } from './master-options.js'

export { loneTerm } from './lone-coordination.js'
export type { MasterOptions } from './master-options.js'
export { VotingCoordination, type VotingOptions } from './voting/voting-coordination.js'

export interface RunningMaster {
  readonly id: string
  readonly address: Address
  readonly httpAddress: Address | undefined
  /** Closes every connection; what was decided is on disk already. Idempotent. */
  close(): Promise<void>
  /** As `close`; but an active master hands over first, where a standby can take it: within about a second. */
  retire(): Promise<void>
}

/**
 * A master on whatever runtime. Resolves when a first version of it is in effect.
 * @throws IcfError INVALID_ARGUMENT when an address does not allow it, STATE_UNAVAILABLE when its state does not
 */
export async function serveMaster(runtime: Runtime, options: MasterOptions): Promise<MasterNode> {
  const master = new MasterNode(runtime, options)
  try {
    await master.start()
  } catch (error) {
    await master.close()
    throw error
  }
  return master
}
