import type { Socket as TcpSocket } from 'node:net'
import type { WebSocket } from 'ws'
import { LARGE_PIECE_BYTES, type Reading, type ReadingTurns } from './reading-turns.js'

/**
 * From now on what comes on this connection is handled when its turn admits it. Until then one piece of it waits here (64 KiB
 * at most), and the rest with the system, which holds the sender back when that is much.
 * @param tcp what `socket` reads from
 */
export function readInTurns(socket: WebSocket, tcp: TcpSocket, turns: ReadingTurns): void {
  let heldBytes = 0
  const hold = (bytes: number): void => {
    turns.hold(bytes - heldBytes)
    heldBytes = bytes
  }
  const completed = (): void => hold(0)
  const reading: Reading = {
    get heldBytes() {
      return heldBytes
    },
    goOn() {
      // Who paused it resumes it.
      if (socket.isPaused) return
      tcp.read()
      if (!socket.isPaused) socket.resume()
    },
  }
  const handle = tcp.listeners('data')[0] as (this: TcpSocket, piece: Buffer) => void
  const inTurn = (piece: Buffer): void => {
    if (!turns.admit(reading, piece.length)) {
      tcp.pause()
      tcp.unshift(piece)
      return
    }
    if (piece.length >= LARGE_PIECE_BYTES) {
      if (heldBytes === 0) socket.once('message', completed)
      hold(heldBytes + piece.length)
    }
    handle.call(tcp, piece)
    turns.handled()
  }
  // As of `once`: whoever takes `handle` off the connection takes this off.
  inTurn.listener = handle
  tcp.off('data', handle)
  tcp.on('data', inTurn)
  tcp.once('close', () => {
    hold(0)
    turns.leave(reading)
  })
}
