import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { FRAME, SocketState, type Runtime, type Socket, type Timer } from '../runtime.js'
import { refusalMessage } from '../wire/handshake.js'
import { isDataFrame, isDataType, readDataFrame } from '../wire/data/data-frame.js'
import { FrameReader } from '../wire/data/frame-reader.js'
import type { RemoteIntroduction } from '../wire/introduction.js'
import { MessageType, type Message } from '../wire/messages.js'
import { fromVersion1, toVersion1 } from '../wire/version-1.js'
import { chunkAt, ChunkReceiver } from './chunks.js'
import { decodeFrame, encodeFrame, Staged } from './codec.js'
import type { StagingBudget } from './staging-budget.js'

export interface LinkHandlers {
  /** May throw IcfError PROTOCOL, as the next: the peer is told and the link closed. */
  message(message: Message): void
  /** A message of the data path came. Without this, none may. */
  data?(frame: FrameReader): void
  /** Once, after which nothing else is called. */
  close(): void
  /** A piece of a long value came, or the answer to a ping: the other end is at work. */
  progress?(): void
  /** What was unsent has fallen below the high-water mark again. */
  drain?(): void
}

/** A second chunk is only added while less than this is unsent, so that live messages never wait behind a large value. */
const CHUNK_WINDOW_BYTES = 2 * limits.chunkBytes

/** A peer that has begun to send a value, and then sends nothing for this long, is refused: memory is kept for it. */
const STALLED_VALUE_MS = 30_000

/** The longest header of a WebSocket frame: it counts as unsent, too. */
const HEADER_BYTES = 14

/** How long the other end has to agree to a close, in ms. */
export const CLOSE_PATIENCE_MS = 2000

/**
 * One open connection after its handshake: whole messages in both directions, in order, and large values staged
 * ahead in chunks. It does not reconnect.
 */
export class Link {
  #handlers: LinkHandlers | undefined
  /** Messages that came before there were handlers: several can arrive in the turn of the handshake. */
  #early: (Message | FrameReader)[] = []
  readonly #socket: Socket
  readonly #chunks: ChunkReceiver
  /** What came after a chunk that waits for memory. */
  #waiting: Buffer[] | undefined
  #isPaused = false
  /** Given to the socket, and of that what the system had taken at the last look. */
  #givenBytes = 0
  #takenBytes = 0
  #hadUnsent = false
  #isHeard = true
  #stallTimer: Timer | undefined
  readonly #staging: {
    staged: Staged
    bytes: Uint8Array
    offset: number
    ready: (staged: Staged) => void
  }[] = []
  #nextStagedId = 1
  #pumping = false
  #chunksUnsent = 0
  #aboveHighWater = false

  constructor(
    private readonly runtime: Runtime,
    socket: Socket,
    readonly remote: RemoteIntroduction,
    readonly remoteAddress: string,
    /** What values that come in chunks may take, together with those of other links. */
    staging?: StagingBudget,
  ) {
    this.#socket = socket
    // In a turn of its own: the memory was set free by another link, in the middle of its work.
    this.#chunks = new ChunkReceiver(staging, () => runtime.setImmediate(() => this.#goOn()))
    socket.on('message', (frame) => this.#receive(frame))
    socket.on('pong', () => {
      this.#isHeard = true
      this.#handlers?.progress?.()
    })
    socket.on('close', () => {
      runtime.clear(this.#stallTimer)
      this.#waiting = undefined
      this.#chunks.close()
      this.#handlers?.close()
    })
  }

  /** Must be set soon after the link opens; what came before is delivered now. */
  set handlers(handlers: LinkHandlers) {
    this.#handlers = handlers
    const early = this.#early
    this.#early = []
    for (const message of early) this.#deliver(handlers, message)
    if (this.#socket.readyState === SocketState.CLOSED) handlers.close()
  }

  get isOpen(): boolean {
    return this.#socket.readyState === SocketState.OPEN
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount
  }

  /** Of the value that goes ahead now, what was given to the socket already. */
  get sentAheadBytes(): number {
    const current = this.#staging[0]
    return current ? Math.min(current.offset, current.bytes.length) : 0
  }

  /** A message to a closed link is dropped: the owner learns of the close by its handler. */
  send(message: Message): void {
    this.sendFrame(encodeFrame(message))
  }

  /** Sends a message of the data path. The frame must not change until it is sent, which nobody tells. */
  sendData(frame: Buffer): void {
    this.sendFrame(this.remote.protocolVersion > 1 ? frame : encodeVersion1(frame))
  }

  /** Sends a frame that was encoded before, so that one encoding serves many links. */
  sendFrame(frame: Uint8Array): void {
    const socket = this.#socket
    if (socket.readyState !== SocketState.OPEN) return
    if (socket.bufferedAmount + frame.length > limits.linkOverflowBytes) return this.terminate()
    this.#count(frame)
    if (!this.#aboveHighWater) return socket.send(frame, FRAME)
    // Every frame from here on tells when it is sent: the one that finds the low level may be any of them.
    socket.send(frame, FRAME, this.#onFlushed)
  }

  /**
   * Sends a value ahead in chunks, with other messages passing between them. `ready` is called when its last chunk
   * has been handed over: put the Staged in a message's place for the value. The peer keeps little before it is named: do that in
   * the same turn, or let no other value follow until then. Never called when the link closes first.
   */
  stage(bytes: Uint8Array, ready: (staged: Staged) => void): void {
    this.#staging.push({ staged: new Staged(this.#nextStagedId++ >>> 0), bytes, offset: 0, ready })
    this.#pump()
  }

  /** Reads nothing more until `resume`. A message or two may still come. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#waiting) this.#socket.resume()
  }

  /** Tells the peer why, then closes. */
  refuse(error: IcfError): void {
    this.send(refusalMessage(error))
    this.close(4000, error.code)
  }

  /** Closes after what was sent; the peer has two seconds to agree. */
  close(code = 1000, reason = ''): void {
    this.#socket.close(code, reason)
    this.runtime.setTimeout(() => this.#socket.terminate(), CLOSE_PATIENCE_MS).unref()
  }

  /** Closes at once; what was not sent is lost. */
  terminate(): void {
    this.#socket.terminate()
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    if (this.isOpen) this.#socket.ping()
  }

  /**
   * Whether the peer gave a sign of life since this was last asked: something came, or what could not be sent for want of
   * room was taken: its answer may stand behind that. While we do not read, nothing can come.
   */
  takeHeard(): boolean {
    const unsent = this.#socket.bufferedAmount
    const taken = this.#givenBytes - unsent
    const isTaking = this.#hadUnsent && taken > this.#takenBytes
    const isHeard = this.#isHeard || isTaking || this.#isPaused || this.#waiting !== undefined
    this.#isHeard = false
    this.#hadUnsent = unsent > 0
    this.#takenBytes = taken
    return isHeard
  }

  #receive(frame: Buffer): void {
    this.#isHeard = true
    if (this.#waiting) return void this.#waiting.push(frame)
    try {
      const take = (id: number): Uint8Array | undefined => this.#chunks.take(id)
      const message = isDataFrame(frame) ? readDataFrame(frame, take) : decodeFrame(frame, take)
      if (message instanceof FrameReader) this.#take(message)
      else if (message[0] === MessageType.VALUE_CHUNK) this.#receiveChunk(message)
      else this.#take(isDataType(message[0]) ? fromVersion1(message) : message)
    } catch (error) {
      this.#refuseFor(error)
    }
  }

  #take(message: Message | FrameReader): void {
    if (this.#handlers) pass(this.#handlers, message)
    else this.#early.push(message)
  }

  #receiveChunk(message: Message): void {
    this.#handlers?.progress?.()
    if (!this.#chunks.receive(message)) {
      this.#waiting = []
      this.#socket.pause()
    }
    if (this.#stallTimer) this.#stallTimer.refresh()
    else this.#checkStallLater()
  }

  /** The value that waited for memory is begun: on with what came after it. */
  #goOn(): void {
    const waiting = this.#waiting
    if (!waiting) return
    this.#waiting = undefined
    for (const frame of waiting) this.#receive(frame)
    if (!this.#waiting && !this.#isPaused) this.#socket.resume()
  }

  #checkStallLater(): void {
    this.#stallTimer = this.runtime.setTimeout(this.#checkStall, STALLED_VALUE_MS)
    this.#stallTimer.unref()
  }

  readonly #checkStall = (): void => {
    this.#stallTimer = undefined
    if (!this.#chunks.isOwed) return
    // What we do not read is not the peer's fault.
    if (this.#isPaused || this.#waiting) this.#checkStallLater()
    else this.refuse(new IcfError('TIMEOUT', `nothing of a value came for ${STALLED_VALUE_MS} ms`))
  }

  #deliver(handlers: LinkHandlers, message: Message | FrameReader): void {
    try {
      pass(handlers, message)
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

  readonly #onChunkSent = (): void => {
    this.#chunksUnsent--
    this.#pump()
    this.#onFlushed()
  }

  /** @param frame which is about to be sent */
  #count(frame: Uint8Array): void {
    this.#givenBytes += frame.length
    const unsent = this.#socket.bufferedAmount + frame.length + HEADER_BYTES
    if (unsent > limits.linkHighWaterBytes) this.#aboveHighWater = true
  }

  /** While a value is going ahead, one of its chunks is always on its way: when that is sent, more follow. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    for (let current = this.#staging[0]; current && this.isOpen; current = this.#staging[0]) {
      if (this.#chunksUnsent > 0 && this.#socket.bufferedAmount > CHUNK_WINDOW_BYTES) break
      const frame = encodeFrame(chunkAt(current.staged.id, current.bytes, current.offset))
      current.offset += limits.chunkBytes
      this.#chunksUnsent++
      this.#count(frame)
      this.#socket.send(frame, FRAME, this.#onChunkSent)
      if (current.offset < current.bytes.length) continue
      this.#staging.shift()
      current.ready(current.staged)
    }
    this.#pumping = false
  }
}

function pass(handlers: LinkHandlers, message: Message | FrameReader): void {
  if (!(message instanceof FrameReader)) handlers.message(message)
  else if (handlers.data) handlers.data(message)
  else throw new IcfError('PROTOCOL', `message ${message.type} can not be sent to this process`)
}

const NO_BYTES = new Uint8Array(0)

function encodeVersion1(frame: Buffer): Buffer {
  let staged: Staged | undefined
  const reader = readDataFrame(frame, (id) => {
    staged = new Staged(id)
    return NO_BYTES
  })
  return encodeFrame(toVersion1(reader, staged))
}
