import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { FRAME, type Address, type Runtime, type Socket } from '../runtime.js'
import { decodeFrame, encodeFrame } from './codec.js'
import { readHello, refusalMessage, welcomeMessage } from '../wire/handshake.js'
import type { Introduction } from '../wire/introduction.js'
import { CLOSE_PATIENCE_MS, Link } from './link.js'
import { StagingBudget } from './staging-budget.js'

const HELLO_TIMEOUT_MS = 5000

/** Connections that are accepted, and how many of them clients leave to other processes of the cluster. */
interface Room {
  readonly connections: number
  readonly reserved: number
}

const ROOM: Room = { connections: limits.maxConnections, reserved: 2 * limits.maxServers }

const NO_VALUES = new StagingBudget(0)

export interface Acceptor {
  /** What WELCOME says; read at each handshake, since a cache server's id changes when it rejoins. */
  introduce(hello: Introduction): Introduction
  /** May throw IcfError to refuse the opener. Called right before WELCOME is sent; must not send. */
  admit(hello: Introduction): void
  /** Memory for the values that this opener sends in chunks; without it, none may come. */
  staging?(hello: Introduction): StagingBudget | undefined
  /** The link is open; its handlers must be set before this returns. */
  opened(link: Link): void
  /** A link that was opened is closed; after its own handler. */
  closed?(link: Link): void
}

export interface Listener {
  readonly address: Address
  /** Terminates every connection and frees the port. */
  close(): Promise<void>
}

/**
 * Accepts links at an address. A peer that does not introduce itself properly is told why and closed; nobody else notices.
 * @throws IcfError INVALID_ARGUMENT when the address can not be bound
 */
export async function listen(
  runtime: Runtime,
  address: Address,
  cluster: string,
  acceptor: Acceptor,
  room: Room = ROOM,
): Promise<Listener> {
  const server = await runtime.listen(address)
  const bounded = boundClients(acceptor, room.connections - room.reserved)
  server.onConnection = (socket, remoteAddress) => {
    socket.on('error', () => socket.terminate())
    if (server.socketCount > room.connections) return socket.close(1013, 'too many connections')
    const timer = runtime.setTimeout(() => socket.terminate(), HELLO_TIMEOUT_MS)
    socket.once('close', () => runtime.clear(timer))
    socket.once('message', (frame) => {
      runtime.clear(timer)
      greet(runtime, socket, frame, remoteAddress, cluster, bounded)
    })
  }
  return { address: server.address, close: () => server.close() }
}

/** The same acceptor for no more than so many clients. */
function boundClients(acceptor: Acceptor, most: number): Acceptor {
  let clients = 0
  return {
    introduce: (hello) => acceptor.introduce(hello),
    staging: (hello) => acceptor.staging?.(hello),
    admit(hello) {
      if (hello.role === 'client' && clients >= most)
        throw new IcfError('BUSY', `${most} clients are connected, which is the most`)
      acceptor.admit(hello)
    },
    opened(link) {
      acceptor.opened(link)
      if (link.remote.role === 'client') clients++
    },
    closed(link) {
      if (link.remote.role === 'client') clients--
      acceptor.closed?.(link)
    },
  }
}

function greet(
  runtime: Runtime,
  socket: Socket,
  frame: Buffer,
  remoteAddress: string,
  cluster: string,
  acceptor: Acceptor,
): void {
  try {
    const hello = readHello(
      decodeFrame(frame, () => undefined),
      cluster,
    )
    acceptor.admit(hello)
    const link = new Link(runtime, socket, hello, remoteAddress, acceptor.staging?.(hello) ?? NO_VALUES)
    link.send(welcomeMessage(acceptor.introduce(hello)))
    acceptor.opened(link)
    socket.once('close', () => acceptor.closed?.(link))
  } catch (error) {
    if (!(error instanceof IcfError)) throw error
    socket.send(encodeFrame(refusalMessage(error)), FRAME)
    socket.close(4000, error.code)
    runtime.setTimeout(() => socket.terminate(), CLOSE_PATIENCE_MS).unref()
  }
}
