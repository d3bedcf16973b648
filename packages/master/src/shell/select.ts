import { IcfError, presentServers, type Topology } from '@icf/common'
import { formatAddress, type Address } from '@icf/common/node'

/**
 * Finds cache servers by id, beginning of an id, or host:port.
 * @returns their ids, without repetition
 * @throws IcfError UNKNOWN_SERVER, or INVALID_ARGUMENT with those that fit when there are several
 */
export function selectServers(topology: Topology, selectors: readonly string[]): string[] {
  const servers = presentServers(topology)
  return [...new Set(selectors.map((selector) => selectOne('cache server', servers, selector).id))]
}

type Named = Address & { readonly id: string }

/**
 * Finds one by id, beginning of an id, or host:port.
 * @param kind what they are
 * @throws IcfError UNKNOWN_SERVER, or INVALID_ARGUMENT with those that fit when there are several
 */
export function selectOne<T extends Named>(kind: string, all: readonly T[], selector: string): T {
  const fits = (one: T): boolean =>
    formatAddress(one) === selector || (selector !== '' && one.id.startsWith(selector))
  const found = all.filter(fits)
  if (found.length === 1) return found[0]!
  if (found.length > 1)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `"${selector}" fits ${found.length} ${kind}s: ${listed(found)}; give more of the id`,
    )
  throw new IcfError('UNKNOWN_SERVER', `no ${kind} fits "${selector}"; there are: ${listed(all) || 'none'}`)
}

function listed(all: readonly Named[]): string {
  return all.map((one) => `${one.id.slice(0, 8)} (${formatAddress(one)})`).join(', ')
}
