import type { Address, Socket, SocketServer } from '@icf/common'
import type { VirtualProcess } from './process.js'
import type { Acceptor, VirtualSocket } from './socket.js'

/** A port that a process listens at. Its kernel accepts connections also while the process is stopped. */
export class VirtualServer implements SocketServer, Acceptor {
  onConnection: (socket: Socket, remoteAddress: string) => void = (socket) => socket.terminate()
  readonly #sockets = new Set<VirtualSocket>()
  #isClosed = false
  #whenEmpty: (() => void) | undefined

  constructor(
    readonly process: VirtualProcess,
    readonly address: Address,
    private readonly free: () => void,
  ) {}

  get socketCount(): number {
    return this.#sockets.size
  }

  accepted(socket: VirtualSocket, remoteMachine: string): void {
    if (this.#isClosed) return socket.terminate()
    this.#sockets.add(socket)
    this.onConnection(socket, remoteMachine)
  }

  closed(socket: VirtualSocket): void {
    this.#sockets.delete(socket)
    if (this.#sockets.size === 0) this.#whenEmpty?.()
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.process.effect(this.free)
    for (const socket of this.#sockets) socket.terminate()
    return new Promise((resolve) => {
      this.#whenEmpty = resolve
      if (this.#sockets.size === 0) this.process.soon('server closed', resolve)
    })
  }
}
