import { WebSocket, type RawData } from 'ws'
import { errorToWire, IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { MessageType, type Message, type Role } from '../messages.js'
import { chunkAt, ChunkReceiver } from './chunks.js'
import { decodeFrame, encodeFrame, Staged } from './codec.js'

/** What each end says of itself when a link opens. */
export interface Introduction {
  readonly role: Role
  readonly cluster: string
  /** Id of the process; '' where it has none. */
  readonly id: string
  /** Depends on the role: see docs/protocol.md. */
  readonly details: readonly unknown[]
}

export interface LinkHandlers {
  /** May throw IcfError PROTOCOL: the peer is told and the link closed. */
  message(message: Message): void
  /** Once, after which nothing else is called. */
  close(): void
  /** What was unsent has fallen below the high-water mark again. */
  drain?(): void
}

/** A chunk is only added while less than this is unsent, so that live messages never wait behind a large value. */
const CHUNK_WINDOW_BYTES = 2 * limits.chunkBytes

const FRAME = { binary: true, fin: true } as const

/**
 * One open connection after its handshake: whole messages in both directions, in order, and large values staged
 * ahead in chunks. It does not reconnect.
 */
export class Link {
  #handlers: LinkHandlers | undefined
  /** Messages that came before there were handlers: several can arrive in the turn of the handshake. */
  #early: Message[] = []
  readonly #socket: WebSocket
  readonly #chunks = new ChunkReceiver()
  readonly #staging: {
    staged: Staged
    bytes: Uint8Array
    offset: number
    ready: (staged: Staged) => void
  }[] = []
  #nextStagedId = 1
  #pumping = false
  #aboveHighWater = false

  constructor(
    socket: WebSocket,
    readonly remote: Introduction,
    readonly remoteAddress: string,
  ) {
    this.#socket = socket
    socket.on('message', (data) => this.#receive(data))
    socket.on('close', () => this.#handlers?.close())
  }

  /** Must be set soon after the link opens; what came before is delivered now. */
  set handlers(handlers: LinkHandlers) {
    this.#handlers = handlers
    const early = this.#early
    this.#early = []
    for (const message of early) this.#deliver(handlers, message)
    if (this.#socket.readyState === WebSocket.CLOSED) handlers.close()
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount
  }

  /** A message to a closed link is dropped: the owner learns of the close by its handler. */
  send(message: Message): void {
    this.sendFrame(encodeFrame(message))
  }

  /** Sends a frame that was encoded before, so that one encoding serves many links. */
  sendFrame(frame: Uint8Array): void {
    const socket = this.#socket
    if (socket.readyState !== WebSocket.OPEN) return
    const unsent = socket.bufferedAmount + frame.length
    if (unsent > limits.linkOverflowBytes) return this.terminate()
    if (unsent <= limits.linkHighWaterBytes) return socket.send(frame, FRAME)
    this.#aboveHighWater = true
    socket.send(frame, FRAME, this.#onFlushed)
  }

  /**
   * Sends a value ahead in chunks, with other messages passing between them. `ready` is called when its last chunk
   * has been handed over: put the Staged in a message's place for the value, in the same turn. Never called when the link closes first.
   */
  stage(bytes: Uint8Array, ready: (staged: Staged) => void): void {
    this.#staging.push({ staged: new Staged(this.#nextStagedId++ >>> 0), bytes, offset: 0, ready })
    this.#pump()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Tells the peer why, then closes. */
  refuse(error: IcfError): void {
    this.send(refusal(error))
    this.close(4000, error.code)
  }

  /** Closes after what was sent; the peer has two seconds to agree. */
  close(code = 1000, reason = ''): void {
    this.#socket.close(code, reason)
    setTimeout(() => this.#socket.terminate(), 2000).unref()
  }

  /** Closes at once; what was not sent is lost. */
  terminate(): void {
    this.#socket.terminate()
  }

  #receive(data: RawData): void {
    try {
      const message = decodeFrame(data as Buffer, (id) => this.#chunks.take(id))
      if (message[0] === MessageType.VALUE_CHUNK) this.#chunks.receive(message)
      else if (this.#handlers) this.#handlers.message(message)
      else this.#early.push(message)
    } catch (error) {
      this.#refuseFor(error)
    }
  }

  #deliver(handlers: LinkHandlers, message: Message): void {
    try {
      handlers.message(message)
    } catch (error) {
      this.#refuseFor(error)
    }
  }

  #refuseFor(error: unknown): void {
    if (!(error instanceof IcfError)) throw error
    this.refuse(error)
  }

  readonly #onFlushed = (): void => {
    if (!this.#aboveHighWater || this.#socket.bufferedAmount > limits.linkHighWaterBytes / 2) return
    this.#aboveHighWater = false
    this.#handlers?.drain?.()
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    for (let current = this.#staging[0]; current && this.isOpen; current = this.#staging[0]) {
      if (this.#socket.bufferedAmount > CHUNK_WINDOW_BYTES) {
        this.#pumping = false
        return
      }
      const frame = encodeFrame(chunkAt(current.staged.id, current.bytes, current.offset))
      current.offset += limits.chunkBytes
      this.#socket.send(frame, FRAME, () => this.#pump())
      if (current.offset < current.bytes.length) continue
      this.#staging.shift()
      current.ready(current.staged)
    }
    this.#pumping = false
  }
}

export function refusal(error: IcfError): Message {
  return [MessageType.REFUSED, errorToWire(error.code), error.message]
}
