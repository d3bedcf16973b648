import { IcfError, presentServers, type ServerInfo, type Topology } from '@icf/common'
import { formatAddress } from '@icf/common/node'

/**
 * Finds cache servers by id, beginning of an id, or host:port.
 * @returns their ids, without repetition
 * @throws IcfError UNKNOWN_SERVER, or INVALID_ARGUMENT with those that fit when there are several
 */
export function selectServers(topology: Topology, selectors: readonly string[]): string[] {
  const servers = presentServers(topology)
  return [...new Set(selectors.map((selector) => selectOne(servers, selector)))]
}

function selectOne(servers: readonly ServerInfo[], selector: string): string {
  const fits = (server: ServerInfo): boolean =>
    formatAddress(server) === selector || (selector !== '' && server.id.startsWith(selector))
  const found = servers.filter(fits)
  if (found.length === 1) return found[0]!.id
  if (found.length > 1)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `"${selector}" fits ${found.length} cache servers: ${listed(found)}; give more of the id`,
    )
  throw new IcfError(
    'UNKNOWN_SERVER',
    `no cache server fits "${selector}"; there are: ${listed(servers) || 'none'}`,
  )
}

function listed(servers: readonly ServerInfo[]): string {
  return servers.map((server) => `${server.id.slice(0, 8)} (${formatAddress(server)})`).join(', ')
}
