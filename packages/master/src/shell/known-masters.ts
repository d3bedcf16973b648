import { IcfError, type MasterInfo, type MasterStatus } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import { selectOne } from './select.js'

/** How a master tells of another one. @param isVoter whether it can become active */
export function standby(
  { id, host, port, httpPort }: MasterInfo,
  alive: boolean,
  isVoter: boolean,
): MasterStatus {
  return { id, host, port, httpPort: httpPort === 0 ? null : httpPort, role: 'standby', alive, isVoter }
}

/** The active master and the others, for an operator to choose from. */
export function everybody({ id, host, port }: MasterInfo, others: readonly MasterStatus[]): MasterStatus[] {
  return [{ id, host, port, httpPort: null, role: 'active', alive: true, isVoter: true }, ...others]
}

/**
 * The master that is given up for good.
 * @param selector id, beginning of an id, or host:port
 * @throws IcfError UNKNOWN_SERVER, INVALID_ARGUMENT: it is there
 */
export function chooseForgotten(masters: readonly MasterStatus[], selector: string): MasterStatus {
  const master = selectOne('master', masters, selector)
  const name = `master ${formatAddress(master)}`
  if (master.role === 'active')
    throw new IcfError('INVALID_ARGUMENT', `${name} is the active one: hand over first`)
  if (master.alive)
    throw new IcfError('INVALID_ARGUMENT', `${name} is connected: end its process before it is forgotten`)
  return master
}
