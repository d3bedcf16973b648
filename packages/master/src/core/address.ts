import type { ServerInfo } from '@icf/common'

/** A server's native address, for people and for selecting it. */
export function formatServer({ host, port }: Pick<ServerInfo, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
