import { isIPv6 } from 'node:net'
import { WebSocket, type RawData } from 'ws'
import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { decodeFrame, encodeFrame } from './codec.js'
import { helloMessage, readWelcome } from './handshake.js'
import { Link, type Introduction } from './link.js'

/** After so much silence the system asks the other end whether it is there, and breaks the connection when it is not. */
export const KEEP_ALIVE_MS = 30_000

/** A host that is no IPv6 address. */
const HOST = /^[^\s:/?#@[\]\\]+$/

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Opens a link: connects, sends HELLO, waits for WELCOME.
 * @throws IcfError UNREACHABLE (its cause has the system's `code`, such as ECONNREFUSED), TIMEOUT, CLOSED when `signal`
 * was aborted, or the refusal
 */
export function dial(
  address: Address,
  self: Introduction,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Link> {
  const where = formatAddress(address)
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw gaveUp(where)
    const socket = connect(address)
    const timer = setTimeout(
      () => fail(new IcfError('TIMEOUT', `${where} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const fail = (error: IcfError): void => {
      settled()
      socket.terminate()
      reject(error)
    }
    const aborted = (): void => fail(gaveUp(where))
    const settled = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
    signal?.addEventListener('abort', aborted)
    socket.on('error', (cause) => fail(unreachable(where, cause)))
    socket.once('upgrade', (response) => response.socket.setKeepAlive(true, KEEP_ALIVE_MS))
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
        settled()
        resolve(new Link(socket, remote, where))
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
        fail(new IcfError(error.code, `${where}: ${error.message}`, { cause: error }))
      }
    })
  })
}

/** @throws IcfError UNREACHABLE for what is no address: others say theirs, and nobody may come to harm by it */
function connect(address: Address): WebSocket {
  const where = formatAddress(address)
  const { host, port } = address
  const isHost = HOST.test(host) || isIPv6(host)
  if (!isHost || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new IcfError('UNREACHABLE', `can not reach ${where}: that is not a host and a port`)
  try {
    return new WebSocket(`ws://${where}/`, {
      perMessageDeflate: false,
      maxPayload: limits.maxFrameBytes,
      skipUTF8Validation: true,
      // Masking protects web proxies from scripts in browsers; between our processes it would only cost time.
      generateMask: (mask) => mask.fill(0),
    })
  } catch (cause) {
    throw unreachable(where, cause as Error)
  }
}

/** True when the failure proves that no process listens at the address. */
export function isRefused(error: unknown): boolean {
  if (!(error instanceof IcfError)) return false
  const { cause } = error
  // A name that stands for several addresses: its code is that of the first one.
  const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  return causes.every((each) => (each as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED')
}

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

function gaveUp(where: string): IcfError {
  return new IcfError('CLOSED', `gave up connecting to ${where}`)
}

function unreachable(where: string, cause: Error): IcfError {
  const code = (cause as NodeJS.ErrnoException).code
  const reason = code === 'ECONNREFUSED' ? 'connection refused: nothing listens there' : cause.message
  return new IcfError('UNREACHABLE', `can not reach ${where}: ${reason}`, { cause })
}
