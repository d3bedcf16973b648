import type { Socket as TcpSocket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Reading, ReadingTurns } from './reading-turns.js'

/**
 * From now on what comes on this connection is handled when its turn admits it. Until then one piece of it waits here (64 KiB
 * at most), and the rest with the system, which holds the sender back when that is much.
 * @param tcp what `socket` reads from
 */
export function readInTurns(socket: WebSocket, tcp: TcpSocket, turns: ReadingTurns): void {
  const reading: Reading = {
    goOn() {
      // Who paused it resumes it.
      if (socket.isPaused) return
      tcp.read()
      if (!socket.isPaused) socket.resume()
    },
  }
  const emit = tcp.emit.bind(tcp) as (name: string | symbol, ...args: unknown[]) => boolean
  tcp.emit = (name: string | symbol, ...args: unknown[]): boolean => {
    if (name !== 'data' || turns.admit(reading)) return emit(name, ...args)
    tcp.pause()
    tcp.unshift(args[0])
    return true
  }
  tcp.once('close', () => turns.leave(reading))
}
