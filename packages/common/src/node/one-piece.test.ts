import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket as TcpSocket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { WebSocket } from 'ws'
import { FRAME, SocketState, type Socket, type SocketServer } from '../runtime.js'
import { sendInOnePiece } from './one-piece.js'
import { ReadingTurns } from './reading-turns.js'
import { connect, listenForSockets } from './sockets.js'

const MOST = 4087

describe('a short frame', () => {
  it('is written once, with its header', () => {
    const { socket, written, sentInTwo } = recorder(false)
    for (const length of [0, 1, 125, 126, MOST]) socket.send(bytes(length), FRAME)
    const header = (length: number): number[] =>
      length < 126 ? [0x82, length] : [0x82, 126, length >>> 8, length & 0xff]
    assert.deepEqual(
      written,
      [0, 1, 125, 126, MOST].map((length) => Buffer.from([...header(length), ...bytes(length)])),
    )
    assert.equal(sentInTwo(), 0)
  })

  it('has a mask of nothing where it must have one', () => {
    const { socket, written } = recorder(true)
    socket.send(bytes(3), FRAME)
    assert.deepEqual(written, [Buffer.from([0x82, 0x83, 0, 0, 0, 0, ...bytes(3)])])
  })

  it('tells when it is sent', () => {
    const { socket } = recorder(false)
    let isSent = false
    socket.send(bytes(3), FRAME, () => (isSent = true))
    assert.ok(isSent)
  })
})

describe('what is sent otherwise', () => {
  it('is a longer frame, or one to a socket that closes', () => {
    const { socket, written, sentInTwo } = recorder(false)
    socket.send(bytes(MOST + 1), FRAME)
    Object.assign(socket, { readyState: SocketState.CLOSING })
    socket.send(bytes(3), FRAME)
    assert.equal(sentInTwo(), 2)
    assert.deepEqual(written, [])
  })
})

describe('frames of every length', () => {
  const lengths = [1, 125, 126, 127, 255, 256, MOST - 1, MOST, MOST + 1, 65_535, 65_536, 70_000]
  let server: SocketServer
  let opener: Socket
  let accepted: Socket

  before(async () => {
    server = await listenForSockets(
      { host: '127.0.0.1', port: 0 },
      new ReadingTurns({ now: () => 0, setImmediate: (run) => void setImmediate(run) }),
    )
    const connected = new Promise<Socket>((resolve) => (server.onConnection = resolve))
    opener = connect(server.address)
    accepted = await connected
    await once(opener as WebSocket, 'open')
  })

  after(() => server.close())

  for (const [name, pick] of [
    ['from who connected', () => [opener, accepted]],
    ['to who connected', () => [accepted, opener]],
  ] as const)
    it(`come whole and in order, ${name}`, async () => {
      const [from, to] = pick() as [Socket, Socket]
      const received: Buffer[] = []
      const all = new Promise<void>((resolve) =>
        to.on('message', (frame) => {
          received.push(frame)
          if (received.length === 2 * lengths.length) resolve()
        }),
      )
      for (const length of [...lengths, ...lengths.toReversed()]) from.send(bytes(length), FRAME)
      await all
      assert.deepEqual(
        received,
        [...lengths, ...lengths.toReversed()].map((length) => bytes(length)),
      )
    })
})

/** A socket that keeps what is written to its connection, and counts what it is left to send by itself. */
function recorder(isMasked: boolean): { socket: Socket; written: Buffer[]; sentInTwo(): number } {
  const written: Buffer[] = []
  let sentInTwo = 0
  const socket = { readyState: SocketState.OPEN, send: () => void sentInTwo++ }
  const tcp = {
    write(piece: Buffer, sent?: () => void) {
      written.push(piece)
      sent?.()
    },
  }
  sendInOnePiece(socket as unknown as WebSocket, tcp as unknown as TcpSocket, isMasked)
  return { socket: socket as unknown as Socket, written, sentInTwo: () => sentInTwo }
}

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => i & 0xff))
}
