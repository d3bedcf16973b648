import { IcfError } from '../errors.js'
import type { Address } from '../runtime.js'

/** A host that is no IPv6 address. */
export const HOST = /^[^\s:/?#@[\]\\]+$/

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws IcfError INVALID_ARGUMENT
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/?#@[\]\\]+)):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535) {
    const host = HOST.test(text.trim()) ? text.trim() : '127.0.0.1'
    throw new IcfError(
      'INVALID_ARGUMENT',
      `"${text}" is not an address: write host:port, for example ${host}:7000`,
    )
  }
  return { host: (match[1] ?? match[2])!, port }
}

/** @param cause its `code` is kept: it may prove that nothing listens there */
export function unreachable(where: string, cause: Error): IcfError {
  const code = (cause as NodeJS.ErrnoException).code
  const reason = code === 'ECONNREFUSED' ? 'connection refused: nothing listens there' : cause.message
  return new IcfError('UNREACHABLE', `can not reach ${where}: ${reason}`, { cause })
}
