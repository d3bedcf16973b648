import { once } from 'node:events'
import { createServer } from 'node:net'
import { formatAddress } from '@icf/common/node'
import { CliError, Exit, systemCode } from '../errors.js'

/**
 * @param optionName what moves all ports
 * @throws CliError for the first port that can not be had
 */
export async function requireFreePorts(
  host: string,
  ports: readonly number[],
  optionName: string,
): Promise<void> {
  for (const port of ports) {
    const server = createServer()
    try {
      server.listen({ host, port, exclusive: true })
      await once(server, 'listening')
    } catch (error) {
      throw portError(host, port, optionName, error)
    } finally {
      await new Promise<void>((resolve) => server.close(() => resolve()))
    }
  }
}

function portError(host: string, port: number, optionName: string, cause: unknown): CliError {
  const code = systemCode(cause) ?? 'PORT'
  if (code === 'EADDRINUSE')
    return new CliError(
      Exit.FAILED,
      'PORT_IN_USE',
      `port ${port} on ${host} is in use: stop what listens there, or choose another ${optionName}`,
    )
  const reason =
    code === 'EADDRNOTAVAIL' ? 'this machine does not have that address' : (cause as Error).message
  return new CliError(Exit.FAILED, code, `can not listen on ${formatAddress({ host, port })}: ${reason}`, {
    cause,
  })
}
