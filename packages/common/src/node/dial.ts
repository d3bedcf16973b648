import { IcfError } from '../errors.js'
import { FRAME, type Address, type Runtime } from '../runtime.js'
import { formatAddress, unreachable } from './address.js'
import { decodeFrame, encodeFrame } from './codec.js'
import { helloMessage, readWelcome } from '../wire/handshake.js'
import type { Introduction } from '../wire/introduction.js'
import { Link } from './link.js'

/**
 * Opens a link: connects, sends HELLO, waits for WELCOME.
 * @throws IcfError UNREACHABLE (its cause has the system's `code`, such as ECONNREFUSED), TIMEOUT, CLOSED when `signal`
 * was aborted, or the refusal
 */
export function dial(
  runtime: Runtime,
  address: Address,
  self: Introduction,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Link> {
  const where = formatAddress(address)
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw gaveUp(where)
    const socket = runtime.connect(address)
    const timer = runtime.setTimeout(
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
      runtime.clear(timer)
      signal?.removeEventListener('abort', aborted)
    }
    signal?.addEventListener('abort', aborted)
    socket.on('error', (cause) => fail(unreachable(where, cause)))
    socket.on('open', () => socket.send(encodeFrame(helloMessage(self)), FRAME))
    socket.once('close', () =>
      fail(new IcfError('UNREACHABLE', `${where} closed the connection before WELCOME`)),
    )
    socket.once('message', (frame) => {
      try {
        const remote = readWelcome(
          decodeFrame(frame, () => undefined),
          self.cluster,
        )
        settled()
        resolve(new Link(runtime, socket, remote, where))
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
        fail(new IcfError(error.code, `${where}: ${error.message}`, { cause: error }))
      }
    })
  })
}

/** True when the failure proves that no process listens at the address. */
export function isRefused(error: unknown): boolean {
  if (!(error instanceof IcfError)) return false
  const { cause } = error
  // A name that stands for several addresses: its code is that of the first one.
  const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  return causes.every((each) => (each as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED')
}

function gaveUp(where: string): IcfError {
  return new IcfError('CLOSED', `gave up connecting to ${where}`)
}
