import { PROBE_TIMEOUT_MS, type ProbeOutcome, type Runtime } from '@icf/common'
import { dial, isRefused, type Address } from '@icf/common/node'

/** Is the process with this id gone? Only a refused connection, or another process in its place, proves it. */
export async function probe(
  runtime: Runtime,
  serverId: string,
  address: Address,
  cluster: string,
): Promise<ProbeOutcome> {
  try {
    const self = { role: 'probe', cluster, id: '', details: [] } as const
    const link = await dial(runtime, address, self, PROBE_TIMEOUT_MS)
    link.terminate()
    return link.remote.id === serverId ? 'alive' : 'gone'
  } catch (error) {
    return isRefused(error) ? 'gone' : 'unknown'
  }
}
