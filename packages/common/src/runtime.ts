import type { Clock } from './clock.js'

/** Where a process listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What `setTimeout` and `setInterval` of a runtime return; a timer of Node is one. */
export interface Timer {
  /** Starts it anew, also when it has run. */
  refresh(): unknown
  /** The process need not live on for it alone. */
  unref(): unknown
}

/**
 * What a process takes from outside: time, chance and connections. `nodeRuntime` is the real one; in the simulator, where
 * all of it is decided by a seed, each process has one of its own.
 */
export interface Runtime extends Clock {
  /** The time of day, in milliseconds since 1970. It may jump. */
  wallTimeMs(): number
  /** From 0 up to, not including, 1. */
  random(): number
  /** 40 random hexadecimal digits: the id of a process. */
  newId(): string
  setTimeout(run: () => void, delayMs: number): Timer
  setInterval(run: () => void, intervalMs: number): Timer
  /** Runs in a turn of its own, after what the sockets that are readable now bring. */
  setImmediate(run: () => void): void
  clear(timer: Timer | undefined): void
  /**
   * Begins to connect: the socket tells by its events how that went.
   * @throws IcfError UNREACHABLE for what is no address
   */
  connect(address: Address): Socket
  /** @throws IcfError INVALID_ARGUMENT when the address can not be bound */
  listen(address: Address): Promise<SocketServer>
}

/** How a frame is sent: each is one whole binary message. */
export const FRAME = Object.freeze({ binary: true, fin: true })

/** Of `Socket.readyState`. */
export const SocketState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const

interface SocketEvents {
  /** What connects is connected. */
  open: []
  message: [frame: Buffer]
  pong: []
  /** Why it does not connect, or broke; `close` follows. Its `code` is the system's, such as ECONNREFUSED. */
  error: [cause: Error]
  close: []
}

/** One WebSocket, as much of it as a link needs: those of `ws` are such. */
export interface Socket {
  readonly readyState: number
  /** Bytes that were given to `send`, with their headers, and that the system has not taken yet. */
  readonly bufferedAmount: number
  /** @param sent called when the system has taken the frame, or never will */
  send(frame: Uint8Array, options: typeof FRAME, sent?: () => void): void
  /** Asks for a `pong`. */
  ping(): void
  /** Nothing is read until `resume`; frames that were read already still come. */
  pause(): void
  resume(): void
  /** Closes after what was sent, when the other end agrees. */
  close(code?: number, reason?: string): void
  /** Closes at once; what was not sent is lost. */
  terminate(): void
  on<Name extends keyof SocketEvents>(name: Name, listener: (...args: SocketEvents[Name]) => void): unknown
  once<Name extends keyof SocketEvents>(name: Name, listener: (...args: SocketEvents[Name]) => void): unknown
}

/** An address that is listened at. */
export interface SocketServer {
  readonly address: Address
  /** Sockets that are not closed yet. */
  readonly socketCount: number
  /** Set before the turn ends in which `listen` resolved. */
  onConnection: (socket: Socket, remoteAddress: string) => void
  /** Terminates every socket and frees the port. */
  close(): Promise<void>
}
