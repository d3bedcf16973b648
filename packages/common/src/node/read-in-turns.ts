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
  const emit = tcp.emit.bind(tcp) as (name: string | symbol, ...args: unknown[]) => boolean
  tcp.emit = (name: string | symbol, ...args: unknown[]): boolean => {
    if (name !== 'data') return emit(name, ...args)
    const piece = args[0] as Buffer
    if (turns.admit(reading, piece.length)) {
      if (piece.length >= LARGE_PIECE_BYTES) {
        if (heldBytes === 0) socket.once('message', completed)
        hold(heldBytes + piece.length)
      }
      emit(name, piece)
      turns.handled()
    } else {
      tcp.pause()
      tcp.unshift(piece)
    }
    return true
  }
  tcp.once('close', () => {
    hold(0)
    turns.leave(reading)
  })
}
