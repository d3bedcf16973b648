import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { beforeEach, it } from 'node:test'
import { WebSocket } from 'ws'
import { limits } from '../limits.js'
import { PROTOCOL_VERSION } from '../wire/messages.js'
import { Link } from './link.js'
import { nodeRuntime } from './node-runtime.js'

/** Takes frames as a socket does, and gives them to the system when told. */
class HeldSocket extends EventEmitter {
  readonly readyState = WebSocket.OPEN
  readonly #frames: { bytes: number; sent: (() => void) | undefined }[] = []

  get bufferedAmount(): number {
    return this.#frames.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  send(frame: Uint8Array, _options: unknown, sent?: () => void): void {
    this.#frames.push({ bytes: frame.length + 10, sent })
  }

  /** The oldest frames go out, until no more than so many bytes are left. */
  flushDownTo(bytes: number): void {
    while (this.bufferedAmount > bytes) this.#frames.shift()?.sent?.()
  }
}

let socket: HeldSocket
let link: Link
let drains: number

beforeEach(() => {
  socket = new HeldSocket()
  const protocolVersion = PROTOCOL_VERSION
  const remote = { role: 'client', cluster: '', id: '', details: [], protocolVersion } as const
  link = new Link(nodeRuntime, socket as unknown as WebSocket, remote, '')
  drains = 0
  link.handlers = { message: () => undefined, close: () => undefined, drain: () => drains++ }
})

it('tells that a link has drained whatever was sent after it filled', () => {
  const frame = Buffer.alloc(limits.linkHighWaterBytes / 16)
  while (link.unsentBytes <= limits.linkHighWaterBytes) link.sendFrame(frame)
  socket.flushDownTo(3 * (frame.length + 10))
  for (let i = 0; i < 9; i++) link.sendFrame(frame)
  socket.flushDownTo(0)
  assert.equal(drains, 1)
})

it('tells that a link has drained which a long value filled', () => {
  link.sendFrame(Buffer.alloc(limits.linkHighWaterBytes - 100))
  link.stage(Buffer.alloc(limits.chunkBytes), () => undefined)
  assert.ok(link.unsentBytes > limits.linkHighWaterBytes)
  socket.flushDownTo(0)
  assert.equal(drains, 1)
})

it('tells that a link has drained which the header of a frame filled', () => {
  link.sendFrame(Buffer.alloc(limits.linkHighWaterBytes))
  assert.ok(link.unsentBytes > limits.linkHighWaterBytes)
  socket.flushDownTo(0)
  assert.equal(drains, 1)
})
