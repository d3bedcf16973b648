import { isIPv6 } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import type { Address, Socket, SocketServer } from '../runtime.js'
import { formatAddress, HOST, unreachable } from './address.js'
import { sendInOnePiece } from './one-piece.js'
import { readInTurns } from './read-in-turns.js'
import type { ReadingTurns } from './reading-turns.js'

/** After so much silence the system asks the other end whether it is there, and breaks the connection when it is not. */
const KEEP_ALIVE_MS = 30_000

const OPTIONS = {
  perMessageDeflate: false,
  maxPayload: limits.maxFrameBytes,
  skipUTF8Validation: true,
} as const

/** @throws IcfError UNREACHABLE for what is no address: others say theirs, and nobody may come to harm by it */
export function connect(address: Address): Socket {
  const where = formatAddress(address)
  const { host, port } = address
  const isHost = HOST.test(host) || isIPv6(host)
  if (!isHost || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new IcfError('UNREACHABLE', `can not reach ${where}: that is not a host and a port`)
  try {
    const socket = new WebSocket(`ws://${where}/`, {
      ...OPTIONS,
      // Masking protects web proxies from scripts in browsers; between our processes it would only cost time.
      generateMask: (mask) => mask.fill(0),
    })
    socket.once('upgrade', ({ socket: tcp }) => {
      tcp.setKeepAlive(true, KEEP_ALIVE_MS)
      sendInOnePiece(socket, tcp, true)
    })
    return socket
  } catch (cause) {
    throw unreachable(where, cause as Error)
  }
}

/**
 * @param turns what comes on the sockets that connect here is read in these
 * @throws IcfError INVALID_ARGUMENT when the address can not be bound
 */
export async function listenForSockets(address: Address, turns: ReadingTurns): Promise<SocketServer> {
  const { host, port } = address
  const server = new WebSocketServer({ ...OPTIONS, host, port })
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', (cause) => reject(cannotBind(address, cause)))
  })
  const bound = server.address() as { port: number }
  const sockets: SocketServer = {
    address: { host, port: bound.port },
    get socketCount() {
      return server.clients.size
    },
    onConnection: (socket) => socket.terminate(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of server.clients) socket.terminate()
      }),
  }
  server.on('connection', (socket, request) => {
    request.socket.setKeepAlive(true, KEEP_ALIVE_MS)
    readInTurns(socket, request.socket, turns)
    sendInOnePiece(socket, request.socket, false)
    sockets.onConnection(socket, request.socket.remoteAddress ?? '')
  })
  return sockets
}

function cannotBind(address: Address, cause: NodeJS.ErrnoException): IcfError {
  const reason =
    cause.code === 'EADDRINUSE'
      ? 'another process listens there: choose another port'
      : cause.code === 'EACCES'
        ? 'not permitted: ports below 1024 need privileges'
        : cause.message
  return new IcfError('INVALID_ARGUMENT', `can not listen on ${formatAddress(address)}: ${reason}`, { cause })
}
