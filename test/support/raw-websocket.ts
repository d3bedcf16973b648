import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'

/** A frame that a server sent. */
export interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
}

export const Opcode = { TEXT: 1, BINARY: 2, CLOSE: 8 } as const

/** A WebSocket client that can send what no library would: wrong frames, wrong lengths, half frames. */
export class RawWebSocket {
  readonly #socket: Socket
  #received: Buffer
  #hasAnsweredClose = false
  readonly closed: Promise<void>

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket
    this.#received = head
    socket.on('data', (data: Buffer) => this.#receive(data))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  static async open(port: number): Promise<RawWebSocket> {
    const key = randomBytes(16).toString('base64')
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': 13,
      'Sec-WebSocket-Key': key,
    }
    const opening = request({ host: '127.0.0.1', port, headers })
    opening.end()
    const [, socket, head] = (await once(opening, 'upgrade')) as [unknown, Socket, Buffer]
    return new RawWebSocket(socket, head)
  }

  /** One whole frame. */
  send(payload: Uint8Array, opcode: number = Opcode.BINARY): void {
    this.#socket.write(Buffer.concat([header(opcode, payload.length), payload]))
  }

  /** The header of a frame that never comes. */
  announce(payloadBytes: number): void {
    this.#socket.write(header(Opcode.BINARY, payloadBytes))
  }

  sendRaw(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Closes without a word. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** What the server has sent so far. */
  get frames(): ServerFrame[] {
    const frames: ServerFrame[] = []
    let rest = this.#received
    for (let frame = firstFrame(rest); frame; frame = firstFrame(rest)) {
      frames.push(frame)
      rest = rest.subarray(frame.end)
    }
    return frames
  }

  /** Answers the server's close frame, as every client must. */
  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data])
    if (this.#hasAnsweredClose || this.closeCode === undefined) return
    this.#hasAnsweredClose = true
    this.send(Buffer.alloc(0), Opcode.CLOSE)
  }

  /** The code of the server's close frame. */
  get closeCode(): number | undefined {
    const frame = this.frames.find(({ opcode }) => opcode === Opcode.CLOSE)
    return frame && frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : undefined
  }
}

/** A client's frames are masked; a mask of zeros leaves the payload as it is. */
function header(opcode: number, length: number): Buffer {
  const mask = Buffer.alloc(4)
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | length]), mask])
  if (length < 65_536) {
    const bytes = Buffer.from([0x80 | opcode, 0x80 | 126, 0, 0])
    bytes.writeUInt16BE(length, 2)
    return Buffer.concat([bytes, mask])
  }
  const bytes = Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0])
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([bytes, mask])
}

function firstFrame(bytes: Buffer): (ServerFrame & { end: number }) | undefined {
  if (bytes.length < 2) return undefined
  let length = bytes[1]! & 0x7f
  let start = 2
  if (length === 126) [length, start] = [bytes.length < 4 ? Infinity : bytes.readUInt16BE(2), 4]
  else if (length === 127)
    [length, start] = [bytes.length < 10 ? Infinity : Number(bytes.readBigUInt64BE(2)), 10]
  const end = start + length
  if (bytes.length < end) return undefined
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(start, end), end }
}
