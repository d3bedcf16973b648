// Peers that send what no icf process would. Each is refused with a reason; nobody else notices.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { CommandCode, MessageType, PROTOCOL_VERSION, roles } from '@icf/common'
import { encodeFrame } from '@icf/common/node'
import type { Client } from '@icf/client'
import { Cluster } from '../support/cluster.js'
import { Opcode, RawWebSocket } from '../support/raw-websocket.js'
import { waitUntil } from '@icf/testkit/wait'
import { Workload } from '../support/workload/workload.js'

const REFUSED = 4000
const TOO_BIG = 1009

/** Turned into a text or a number, it throws. */
const ODD = { toString: 1, valueOf: 1 }
const ODD_VALUES: readonly unknown[] = [ODD, Number.NaN, null, [[]]]

describe('a hostile peer', () => {
  let cluster: Cluster
  let cache: Client
  let workload: Workload

  before(async () => {
    cluster = await Cluster.start({ servers: 2 })
    cache = await cluster.connect()
    workload = new Workload(cache, { keys: 500, writers: 2, readers: 2 })
    await workload.load()
    workload.start()
  })

  after(async () => {
    await workload.stop()
    await cache.close()
    await cluster.stop()
  })

  for (const face of ['master', 'cache server'] as const) {
    const open = (): Promise<RawWebSocket> =>
      RawWebSocket.open(face === 'master' ? masterPort() : cluster.servers[0]!.port)

    describe(`of a ${face}`, () => {
      it('sends garbage', async () => {
        for (const bytes of [
          randomBytes(100),
          Buffer.alloc(0),
          Buffer.from([0xc1]),
          Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        ])
          await refused(await open(), (socket) => socket.send(bytes))
      })

      it('sends deeply nested arrays', async () => {
        await refused(await open(), (socket) => socket.send(Buffer.alloc(1_000_000, 0x91)))
      })

      it('announces arrays, texts and maps that are larger than the frame', async () => {
        for (const type of [0xdd, 0xdb, 0xdf, 0xc6, 0xc9])
          await refused(await open(), (socket) =>
            socket.send(Buffer.from([0x92, type, 0xff, 0xff, 0xff, 0xff, 0])),
          )
      })

      it('sends text', async () => {
        await refused(await open(), (socket) => socket.send(Buffer.from('hello'), Opcode.TEXT))
      })

      it('announces a frame of 1 GB', async () => {
        const socket = await open()
        socket.announce(1024 ** 3)
        await socket.closed
        assert.equal(socket.closeCode, TOO_BIG)
        await unharmed()
      })

      it('announces a frame of 1 GB after a proper introduction', async () => {
        const socket = await welcomed(await open())
        socket.announce(1024 ** 3)
        await socket.closed
        assert.equal(socket.closeCode, TOO_BIG)
        await unharmed()
      })

      it('does not introduce itself', async () => {
        await refused(
          await open(),
          (socket) => socket.send(encodeFrame([MessageType.KEEP_ALIVE, 1])),
          /HELLO/,
        )
      })

      it('speaks another version of the protocol', async () => {
        await refused(
          await open(),
          (socket) => socket.send(hello({ version: PROTOCOL_VERSION + 2 })),
          /version/,
        )
        await refused(await open(), (socket) => socket.send(hello({ version: 'x' })), /version/)
      })

      it('belongs to another cluster', async () => {
        await refused(
          await open(),
          (socket) => socket.send(hello({ cluster: 'another' })),
          /belongs to cluster/,
        )
      })

      it('has a role that is none', async () => {
        await refused(await open(), (socket) => socket.send(hello({ role: 'king' })))
        await refused(await open(), (socket) => socket.send(hello({ role: 7 })))
      })

      it('introduces itself with values of every wrong type', async () => {
        const good: unknown[] = [MessageType.HELLO, PROTOCOL_VERSION, 'client', cluster.name, '', []]
        for (const field of [1, 2, 3, 4, 5])
          for (const odd of ODD_VALUES)
            await refused(await open(), (socket) => socket.send(encodeFrame(good.with(field, odd))))
        for (const role of roles)
          await refused(await open(), (socket) =>
            socket.send(encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, role, cluster.name, '', [ODD]])),
          )
      })

      it('sends messages without sense after a proper introduction', async () => {
        for (const message of [
          [],
          ['x'],
          [9999],
          [MessageType.COMMANDS],
          [MessageType.COMMANDS, 1, 1, 1, 0, 0, 99, 'a'],
          [MessageType.COMMANDS, 0, 0, -1, 0, 0, 1, 'k'],
        ])
          await refused(await welcomed(await open()), (socket) => socket.send(encodeFrame(message)))
      })

      it('sends frames of the data path without sense after a proper introduction', async () => {
        const header = [MessageType.COMMANDS, 1, 1, 1, 0, 0]
        for (const bytes of [
          [0x3f],
          [0x7f],
          [MessageType.COMMANDS],
          // A command that is none, one that ends too early, and no flags of SET.
          [...header, 99, 1, 0x61],
          [...header, CommandCode.GET, 5, 0x61],
          [...header, CommandCode.SET, 1, 0x61, 0xff, 0, 0],
          // An id that is no exact number.
          [MessageType.COMMANDS, 0, 0, ...new Array<number>(10).fill(0xff), 0, 0, CommandCode.GET, 1, 0x61],
          // Value 9 was not sent ahead, or no value is named.
          [MessageType.COMMANDS | 0x40, 9, 0, 0, 0, 1, 1, 1, 0, 0, CommandCode.GET, 1, 0x61],
          [...header, CommandCode.SET, 1, 0x61, 8, 0],
          [MessageType.RESULTS, 1, 1, 0, 0, 0, 2],
          [MessageType.KEY_VALUE_RESPONCE_BACK, 1, 1, 1],
          [MessageType.BACK_ACK, 1, 1, 1],
        ])
          await refused(await welcomed(await open()), (socket) => socket.send(Buffer.from(bytes)))
      })

      it('sends fields of every wrong type in every message', async () => {
        // At a master, a cache server that is welcome is a member: others would wait for it.
        const welcomed = face === 'master' ? ['client', 'admin'] : ['client', 'cache-server', 'probe']
        for (const role of welcomed)
          for (const type of Object.values(MessageType))
            for (const fields of [[ODD], [1, ODD], [1, 1, ODD], [1, 1, 1, ODD, [ODD]], ['constructor']]) {
              const socket = await open()
              socket.send(encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, role, cluster.name, 'odd', [1]]))
              const rest = new Array<unknown>(9 - fields.length).fill(fields.at(-1))
              socket.send(encodeFrame([type, ...fields, ...rest]))
              socket.send(Buffer.alloc(0), Opcode.CLOSE)
              await socket.closed
            }
        await unharmed()
      })

      it('sends a chunk that was not begun, or is too large', async () => {
        for (const message of [
          [MessageType.VALUE_CHUNK, 1, 100, 50, Buffer.alloc(50)],
          [MessageType.VALUE_CHUNK, 1, 2 ** 40, 0, Buffer.alloc(50)],
          [MessageType.VALUE_CHUNK, 1, -1, 0, 'x'],
        ])
          await refused(await welcomed(await open()), (socket) => socket.send(encodeFrame(message)))
      })

      it('breaks off in the middle of a frame, many times', async () => {
        for (let i = 0; i < 100; i++) {
          const socket = await open()
          socket.announce(1000)
          socket.sendRaw(randomBytes(500))
          socket.destroy()
        }
        await unharmed()
      })

      it('does not speak WebSocket', async () => {
        const socket = connectTcp(face === 'master' ? masterPort() : cluster.servers[0]!.port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write(randomBytes(10_000))
        socket.resume()
        await once(socket, 'close')
        await unharmed()
      })
    })
  }

  function masterPort(): number {
    return Number(cluster.masterAddresses[0]!.split(':')[1])
  }

  function hello(change: { version?: unknown; role?: unknown; cluster?: string }): Uint8Array {
    const {
      version,
      role,
      cluster: name,
    } = { version: PROTOCOL_VERSION, role: 'client', cluster: cluster.name, ...change }
    return encodeFrame([MessageType.HELLO, version, role, name, '', []])
  }

  async function welcomed(socket: RawWebSocket): Promise<RawWebSocket> {
    socket.send(hello({}))
    await waitUntil(() => socket.frames.some(({ payload }) => payload[1] === MessageType.WELCOME), {
      what: 'WELCOME',
    })
    return socket
  }

  /** The peer is told why, its connection is closed, and the others go on. */
  async function refused(
    socket: RawWebSocket,
    send: (socket: RawWebSocket) => void,
    reason = /./,
  ): Promise<void> {
    send(socket)
    await socket.closed
    const refusal = socket.frames.find(
      ({ opcode, payload }) => opcode === Opcode.BINARY && payload[1] === MessageType.REFUSED,
    )
    assert.ok(refusal, `it was closed with ${socket.closeCode} and no REFUSED`)
    assert.match(refusal.payload.toString('utf8'), reason)
    assert.equal(socket.closeCode, REFUSED)
    await unharmed()
  }

  async function unharmed(): Promise<void> {
    await workload.progress(20)
    const { errors, violations, details } = workload.report()
    const found = Object.values(violations).reduce((sum, count) => sum + count, errors)
    assert.equal(found, 0, details.join('\n'))
    assert.equal((await cluster.status()).servers.length, 2)
  }
})
