import { SocketState, type FRAME, type Socket, type Timer } from '@icf/common'
import { Listeners } from './listeners.js'
import { Outbox } from './outbox.js'
import { bare, PacketKind, type Packet, type Pipe } from './pipe.js'
import type { VirtualProcess } from './process.js'

/** Of the request and the answer that make a connection one of WebSocket. */
const UPGRADE_BYTES = 200

/** `ws` reads no more than this at once. */
const READ_BYTES = 65_536

/** A paused stream of Node has read so much already. */
const READ_AHEAD_BYTES = 16_384

/** `ws` waits so long for the other end to agree to a close. */
const CLOSE_TIMEOUT_MS = 30_000

type SocketEvents = {
  open: []
  message: [frame: Buffer]
  pong: []
  error: [cause: Error]
  close: []
}

/** What a listening process does with a connection that its kernel accepted. */
export interface Acceptor {
  accepted(socket: VirtualSocket, remoteMachine: string): void
  closed(socket: VirtualSocket): void
}

/** Where a connection was accepted, and for which machine. */
interface Origin {
  readonly server: Acceptor
  readonly machine: string
}

/**
 * One end of a connection as `ws` 8 presents it, on the socket of a kernel. Errors are only told while connecting; a
 * connection that breaks later just closes.
 */
export class VirtualSocket implements Socket {
  #readyState: number = SocketState.CONNECTING
  readonly #listeners = new Listeners<SocketEvents>()
  #in: Pipe | undefined
  #out: Pipe | undefined
  /** At the other end. */
  #peer: VirtualProcess | undefined
  #outbox: Outbox | undefined
  /** Given to `send` when it was too late. */
  #lateBytes = 0
  #isPaused = false
  #isEnded = false
  #hasSentClose = false
  #hasReceivedClose = false
  #hasSentFin = false
  #hasReceivedFin = false
  #isDestroyed = false
  #isTold = false
  #closeTimer: Timer | undefined

  constructor(
    readonly process: VirtualProcess,
    /** Undefined at the end that connects. */
    private readonly origin?: Origin,
  ) {}

  /** Whether it is the end that was connected to. */
  get isAccepted(): boolean {
    return this.origin !== undefined
  }

  get readyState(): number {
    return this.#readyState
  }

  get bufferedAmount(): number {
    return (this.#outbox?.bytes ?? 0) + this.#lateBytes
  }

  /** The kernel has a connection. */
  attach(incoming: Pipe, outgoing: Pipe, peer: VirtualProcess): void {
    this.#in = incoming
    this.#out = outgoing
    this.#peer = peer
    this.#outbox = new Outbox(this.process, outgoing)
    this.process.sockets.add(this)
  }

  /** TCP is connected: asks for a WebSocket. The answer comes when the other process runs. */
  connected(): void {
    if (this.#readyState === SocketState.CONNECTING) this.#push(bare(PacketKind.UPGRADE, UPGRADE_BYTES))
  }

  /** It does not connect, for a reason of the system. */
  failed(cause: Error): void {
    this.process.turn('connect failed', () => {
      if (!this.#isDestroyed) this.#fail(cause)
    })
  }

  send(frame: Uint8Array, _options: typeof FRAME, sent?: () => void): void {
    if (this.#readyState === SocketState.CONNECTING) throw notOpen()
    if (this.#readyState !== SocketState.OPEN) {
      this.#lateBytes += frame.length
      if (sent) process.nextTick(sent)
      return
    }
    this.process.countSend()
    const bytes = frame.length + this.#headerBytes(frame.length)
    this.#push({ kind: PacketKind.FRAME, frame, bytes, at: 0, sent })
    if (this.process.canRun) this.process.network.sent?.(this, this.#peer!, frame)
  }

  ping(): void {
    if (this.#readyState === SocketState.CONNECTING) throw notOpen()
    if (this.#readyState === SocketState.OPEN) this.#push(bare(PacketKind.PING, this.#headerBytes(0)))
  }

  pause(): void {
    if (this.#readyState === SocketState.OPEN || this.#readyState === SocketState.CLOSING)
      this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused || this.#readyState === SocketState.CLOSED) return
    this.#isPaused = false
    this.process.world.afterQuietly(0, this.ready)
  }

  close(): void {
    if (this.#readyState === SocketState.CONNECTING) return this.terminate()
    if (this.#readyState !== SocketState.OPEN) return
    this.#readyState = SocketState.CLOSING
    this.#push(
      bare(PacketKind.CLOSE, this.#headerBytes(2) + 2, () => {
        this.#hasSentClose = true
        this.#endIfAgreed()
      }),
    )
    this.#closeTimer = this.process.runtime.setTimeout(() => this.#destroy(), CLOSE_TIMEOUT_MS)
  }

  terminate(): void {
    if (this.#readyState === SocketState.CLOSED || this.#isDestroyed) return
    if (this.#readyState !== SocketState.CONNECTING) return this.#destroy()
    this.#readyState = SocketState.CLOSING
    this.#isDestroyed = true
    this.process.effect(() => this.abandon(false))
    process.nextTick(() =>
      this.#fail(new Error('WebSocket was closed before the connection was established')),
    )
  }

  on<Name extends keyof SocketEvents>(name: Name, listener: (...args: SocketEvents[Name]) => void): this {
    this.#listeners.add(name, listener)
    return this
  }

  once<Name extends keyof SocketEvents>(name: Name, listener: (...args: SocketEvents[Name]) => void): this {
    this.#listeners.addOnce(name, listener)
    return this
  }

  /** Something came. */
  readable(): void {
    if (!this.process.canRun) this.process.holdSocket(this)
    else if (!this.#isPaused) this.process.turn('reads', this.#read)
    // It reads no more, but the system tells at once that the connection is broken.
    else if (this.#in!.isReset && this.#in!.unreadBytes < READ_AHEAD_BYTES)
      this.process.turn('reset', this.#break)
  }

  /** There is room to send, or the process goes on. */
  readonly writable = (): void => {
    const outbox = this.#outbox!
    if (outbox.isEmpty) return
    if (this.process.canRun) outbox.flush()
    if (!outbox.isEmpty && !this.process.canRun) this.process.holdSocket(this)
  }

  /** Does whatever can be done. */
  readonly ready = (): void => {
    if (this.#isDestroyed || !this.#outbox) return
    this.writable()
    if (this.#in!.hasUnread) this.readable()
  }

  /** Its kernel closes it, because its process did or is no more. `isUnnoticed`: the kernel is no more, either. */
  abandon(isUnnoticed: boolean): void {
    if (!this.#in || !this.#out || this.#in.isReaderGone) return
    this.process.sockets.delete(this)
    this.#in.isReaderGone = true
    if (isUnnoticed) this.#out.vanish()
    else if (this.#in.isReset) return
    else if (this.#in.unreadBytes > 0) this.#out.endUnread()
    else this.#out.end()
  }

  /** The connection is reset by something between its ends: both hear of it, and what was on its way is lost. */
  reset(): void {
    this.#in?.breakDown()
    this.#out?.breakDown()
  }

  /** One read: a part of what came, or all of it back to back. */
  readonly #read = (): void => {
    const incoming = this.#in!
    if (this.#isDestroyed || this.#isPaused) return
    const { weather, random } = this.process.network
    let bytesLeft = random.chance(weather.joinChance) ? READ_BYTES : 0
    do {
      const packet = incoming.read()
      if (!packet) return
      bytesLeft -= packet.bytes
      this.#receive(packet)
      if (packet.kind === PacketKind.UPGRADED) break
    } while (bytesLeft > 0 && this.process.canRun)
    if (!incoming.hasUnread) return
    if (this.process.isStopped) this.process.holdSocket(this)
    else this.process.world.afterQuietly(0, this.ready)
  }

  #receive(packet: Packet): void {
    switch (packet.kind) {
      case PacketKind.UPGRADE:
        this.#readyState = SocketState.OPEN
        this.#push(bare(PacketKind.UPGRADED, UPGRADE_BYTES))
        return this.origin!.server.accepted(this, this.origin!.machine)
      case PacketKind.UPGRADED:
        if (this.#readyState !== SocketState.CONNECTING) return
        this.#readyState = SocketState.OPEN
        return this.#emit('open')
      case PacketKind.FRAME:
        // What was read together comes to the last, also after `terminate`.
        if (!this.#hasReceivedClose) this.#deliver(packet.frame as Buffer)
        return
      case PacketKind.PING:
        if (this.#readyState === SocketState.OPEN) this.#push(bare(PacketKind.PONG, this.#headerBytes(0)))
        return
      case PacketKind.PONG:
        return this.#emit('pong')
      case PacketKind.CLOSE:
        this.#hasReceivedClose = true
        this.close()
        return this.#endIfAgreed()
      case PacketKind.FIN:
        return this.#receiveFin()
      case PacketKind.RST:
        return this.#break()
    }
  }

  #receiveFin(): void {
    this.#hasReceivedFin = true
    if (this.#isDestroyed) return
    if (this.#readyState === SocketState.CONNECTING) return this.#break()
    this.#readyState = SocketState.CLOSING
    this.#end()
    if (this.#hasSentFin) this.#destroy()
  }

  readonly #break = (): void => {
    if (this.#isDestroyed) return
    if (this.#readyState !== SocketState.CONNECTING || this.origin) return this.#destroy()
    this.abandon(false)
    this.#fail(systemError('ECONNRESET', 'socket hang up'))
  }

  #endIfAgreed(): void {
    if (this.#hasSentClose && this.#hasReceivedClose) this.#end()
  }

  /** Sends no more than it has. */
  #end(): void {
    if (this.#isEnded || this.#isDestroyed) return
    this.#isEnded = true
    this.#push(
      bare(PacketKind.FIN, 0, () => {
        this.#hasSentFin = true
        if (this.#hasReceivedFin) this.#destroy()
      }),
    )
  }

  #destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#readyState = SocketState.CLOSING
    this.process.effect(() => {
      this.#outbox!.drop()
      this.abandon(false)
    })
    this.process.soon('socket closed', () => this.#tellClosed())
  }

  #push(packet: Packet): void {
    if (this.#isDestroyed || !this.process.isAlive) return
    // A write fails when the system knows that the other end is no more.
    if (this.#in!.isReset) {
      if (packet.sent) process.nextTick(packet.sent)
      return this.#destroy()
    }
    if (!this.#outbox!.push(packet) && !this.process.canRun) this.process.holdSocket(this)
  }

  #fail(cause: Error): void {
    this.#isDestroyed = true
    this.#readyState = SocketState.CLOSING
    this.#emit('error', cause)
    this.#tellClosed()
  }

  #tellClosed(): void {
    if (this.#isTold) return
    this.#isTold = true
    this.process.runtime.clear(this.#closeTimer)
    if (this.#isPaused) this.#readWhatWasRead()
    this.#readyState = SocketState.CLOSED
    this.origin?.server.closed(this)
    this.#emit('close')
  }

  /** A paused stream had read some of what came: `ws` looks at that in the end. */
  #readWhatWasRead(): void {
    let bytesLeft = READ_AHEAD_BYTES
    for (let packet = this.#in?.read(); packet; packet = this.#in?.read()) {
      bytesLeft -= packet.bytes
      if (bytesLeft < 0) return
      if (packet.kind === PacketKind.FRAME) this.#receive(packet)
    }
  }

  #deliver(frame: Buffer): void {
    this.process.network.heard?.(this.#peer!, this.process, frame)
    this.#emit('message', frame)
  }

  #emit<Name extends keyof SocketEvents>(name: Name, ...args: SocketEvents[Name]): void {
    const { world, network } = this.process
    const isTold = name === 'message' && network.heard !== undefined
    if (world.trace && !isTold)
      world.log(`${this.process.name}: ${name} ${name === 'message' ? (args[0] as Buffer).length : ''}`)
    if (!this.#listeners.emit(name, ...args) && name === 'error') throw args[0] as Error
  }

  /** The end that connects masks. */
  #headerBytes(length: number): number {
    return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (this.origin ? 0 : 4)
  }
}

function notOpen(): Error {
  return new Error('WebSocket is not open: readyState 0 (CONNECTING)')
}

/** As the system reports it. */
export function systemError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
