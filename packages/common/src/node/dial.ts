import { WebSocket, type RawData } from 'ws'
import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { decodeFrame, encodeFrame } from './codec.js'
import { helloMessage, readWelcome } from './handshake.js'
import { Link, type Introduction } from './link.js'

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Opens a link: connects, sends HELLO, waits for WELCOME.
 * @throws IcfError UNREACHABLE (its cause has the system's `code`, such as ECONNREFUSED), TIMEOUT, or the refusal
 */
export function dial(address: Address, self: Introduction, timeoutMs: number): Promise<Link> {
  const where = formatAddress(address)
  const socket = new WebSocket(`ws://${where}/`, {
    perMessageDeflate: false,
    maxPayload: limits.maxFrameBytes,
    skipUTF8Validation: true,
    // Masking protects web proxies from scripts in browsers; between our processes it would only cost time.
    generateMask: (mask) => mask.fill(0),
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => fail(new IcfError('TIMEOUT', `${where} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const fail = (error: IcfError): void => {
      clearTimeout(timer)
      socket.terminate()
      reject(error)
    }
    socket.on('error', (cause) => fail(unreachable(where, cause)))
    socket.on('open', () => socket.send(encodeFrame(helloMessage(self))))
    socket.once('close', () =>
      fail(new IcfError('UNREACHABLE', `${where} closed the connection before WELCOME`)),
    )
    socket.once('message', (data: RawData) => {
      try {
        const remote = readWelcome(
          decodeFrame(data as Buffer, () => undefined),
          self.cluster,
        )
        clearTimeout(timer)
        resolve(new Link(socket, remote, where))
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
        fail(new IcfError(error.code, `${where}: ${error.message}`, { cause: error }))
      }
    })
  })
}

/** True when the failure proves that no process listens at the address. */
export function isRefused(error: unknown): boolean {
  return (
    error instanceof IcfError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED'
  )
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws IcfError INVALID_ARGUMENT
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `"${text}" is not an address: write host:port, for example 127.0.0.1:7000`,
    )
  return { host: (match[1] ?? match[2])!, port }
}

function unreachable(where: string, cause: Error): IcfError {
  const code = (cause as NodeJS.ErrnoException).code
  const reason = code === 'ECONNREFUSED' ? 'connection refused: nothing listens there' : cause.message
  return new IcfError('UNREACHABLE', `can not reach ${where}: ${reason}`, { cause })
}
