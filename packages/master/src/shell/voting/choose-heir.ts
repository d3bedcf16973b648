import { IcfError, type MasterStatus } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import { selectOne } from '../select.js'

/**
 * Who is to be active next.
 * @param masters all that there are: the active one, and those that it has met
 * @param to id, beginning of an id, or host:port; undefined: whichever can
 * @throws IcfError UNKNOWN_SERVER, INVALID_ARGUMENT, UNREACHABLE: that one can not, or none can
 */
export function chooseHeir(masters: readonly MasterStatus[], to: string | undefined): MasterStatus {
  if (to !== undefined) return checkHeir(selectOne('master', masters, to))
  const standbys = masters.filter(({ role }) => role === 'standby')
  const heir = standbys.find(({ alive, isVoter }) => alive && isVoter) ?? standbys.find(({ alive }) => alive)
  if (heir) return checkHeir(heir)
  throw new IcfError('UNREACHABLE', 'no standby is there to hand over to: "icf status" lists the masters')
}

function checkHeir(master: MasterStatus): MasterStatus {
  const name = `master ${formatAddress(master)}`
  if (master.role === 'active') throw new IcfError('INVALID_ARGUMENT', `${name} is active already`)
  if (!master.alive) throw new IcfError('UNREACHABLE', `${name} is not connected`)
  if (!master.isVoter)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `${name} has no vote yet, so it can not become active: two masters vote once cache servers are there`,
    )
  return master
}
