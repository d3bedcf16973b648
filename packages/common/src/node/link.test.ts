import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { beginCommands, ValueKind, writeSet } from '../wire/commands.js'
import { nameAhead } from '../wire/data/data-frame.js'
import { FrameWriter } from '../wire/data/frame-writer.js'
import type { Introduction } from '../wire/introduction.js'
import { MessageType, PROTOCOL_VERSION, type Message } from '../wire/messages.js'
import { toVersion1 } from '../wire/version-1.js'
import {
  decodeFrame,
  dial,
  encodeFrame,
  isRefused,
  listen,
  nodeRuntime,
  Redialer,
  type Link,
  StagingBudget,
  type Listener,
} from './index.js'

const self: Introduction = { role: 'cache-server', cluster: 'test', id: 'server', details: [7] }
const client: Introduction = { role: 'client', cluster: 'test', id: '', details: [] }

/** COMMANDS with one SET whose value was sent ahead; as an array it has that at `VALUE_AT`. */
function setAhead({ id }: { readonly id: number }): Buffer {
  const writer = new FrameWriter()
  beginCommands(writer, { epoch: 1, version: 1, firstId: 0, nextNumber: 1, settledBelow: 0 }, true)
  writeSet(writer, 'key', undefined, ValueKind.BYTES, 0, false)
  const frame = writer.finish()
  nameAhead(frame, id)
  return frame
}

const VALUE_AT = 8

describe('a link', () => {
  let listener: Listener
  /** What the acceptor got, and the link it got it on. */
  let received: Message[]
  let accepted: Link[]
  let onMessage: (message: Message, link: Link) => void
  let staging: StagingBudget

  beforeEach(async () => {
    staging = new StagingBudget(30 * limits.chunkBytes)
    received = []
    accepted = []
    onMessage = () => undefined
    listener = await listen(nodeRuntime, { host: '127.0.0.1', port: 0 }, 'test', {
      introduce: () => self,
      admit: ({ role }) => {
        if (role === 'master') throw new IcfError('WRONG_ROLE', 'no masters here')
      },
      staging: ({ role }) => (role === 'client' ? staging : undefined),
      opened: (link) => {
        accepted.push(link)
        link.handlers = {
          message: (message) => take(message, link),
          data: (frame) => take(toVersion1(frame, frame.ahead), link),
          close: () => undefined,
        }
      },
    })
  })

  afterEach(() => listener.close())

  const take = (message: Message, link: Link): void => {
    received.push(message)
    onMessage(message, link)
  }

  const open = async (): Promise<{ link: Link; next: () => Promise<Message>; closed: Promise<void> }> => {
    const link = await dial(nodeRuntime, listener.address, client, 2000)
    const queue: Message[] = []
    const waiting: ((message: Message) => void)[] = []
    let end!: () => void
    const closed = new Promise<void>((resolve) => (end = resolve))
    link.handlers = {
      message: (message) => {
        const waiter = waiting.shift()
        if (waiter) waiter(message)
        else queue.push(message)
      },
      close: () => end(),
    }
    const next = (): Promise<Message> => {
      const message = queue.shift()
      return message ? Promise.resolve(message) : new Promise((resolve) => waiting.push(resolve))
    }
    return { link, next, closed }
  }

  it('introduces both sides and carries messages in order', async () => {
    onMessage = (message, link) => link.send(message)
    const { link, next } = await open()
    assert.deepEqual(link.remote, { ...self, protocolVersion: PROTOCOL_VERSION })
    for (let i = 0; i < 100; i++) link.send([MessageType.EVENT, i, 'text', null, true, 1.5])
    for (let i = 0; i < 100; i++)
      assert.deepEqual(await next(), [MessageType.EVENT, i, 'text', null, true, 1.5])
    link.close()
  })

  it('tells that the other end is at work when that answers a ping', async () => {
    const { link } = await open()
    const answered = new Promise<void>((resolve) => {
      link.handlers = { message: () => undefined, progress: resolve, close: () => undefined }
    })
    link.ping()
    await answered
    link.close()
  })

  it('lets short messages pass while a large value goes ahead in pieces', async () => {
    const { link } = await open()
    const value = Buffer.alloc(20 * limits.chunkBytes + 17, 'v')
    const arrived = new Promise<void>(
      (resolve) => (onMessage = (message) => message[0] === MessageType.COMMANDS && resolve()),
    )
    link.stage(value, (staged) => link.sendData(setAhead(staged)))
    link.send([MessageType.EVENT, 'short'])
    await arrived
    assert.deepEqual(
      received.map((message) => message[0]),
      [MessageType.EVENT, MessageType.COMMANDS],
    )
    assert.ok(value.equals(received[1]![VALUE_AT] as Uint8Array))
    link.close()
  })

  it('sends a value that comes when many messages are unsent', async () => {
    const { link } = await open()
    const arrived = new Promise<void>(
      (resolve) => (onMessage = (message) => message[0] === MessageType.COMMANDS && resolve()),
    )
    const filler = Buffer.alloc(200 * 1024)
    for (let i = 0; i < 60; i++) link.send([MessageType.EVENT, filler])
    assert.ok(link.unsentBytes > limits.linkHighWaterBytes)
    link.stage(Buffer.alloc(3 * limits.chunkBytes, 'v'), (staged) => link.sendData(setAhead(staged)))
    await arrived
    link.close()
  })

  it('lets a value wait for memory that values on other links take, and everything behind it', async () => {
    const slow = await open()
    slow.link.send([MessageType.VALUE_CHUNK, 1, 20 * limits.chunkBytes, 0, Buffer.alloc(limits.chunkBytes)])
    slow.link.send([MessageType.EVENT, 'begun'])
    await receivedCount(1)
    const other = await open()
    const value = Buffer.alloc(20 * limits.chunkBytes, 'v')
    other.link.stage(value, (staged) => other.link.sendData(setAhead(staged)))
    const third = await open()
    third.link.send([MessageType.EVENT, 'third'])
    await receivedCount(2)
    assert.equal(staging.usedBytes, 20 * limits.chunkBytes)
    assert.deepEqual(received.slice(0, 2), [
      [MessageType.EVENT, 'begun'],
      [MessageType.EVENT, 'third'],
    ])
    slow.link.terminate()
    await receivedCount(3)
    assert.ok(value.equals(received[2]![VALUE_AT] as Uint8Array))
    assert.equal(staging.usedBytes, 0)
  })

  it('closes a link on which a value stands still, and gives its memory back', async (t) => {
    const { link, next, closed } = await open()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    link.send([MessageType.VALUE_CHUNK, 1, 10, 0, Buffer.alloc(5)])
    link.send([MessageType.EVENT, 'begun'])
    await receivedCount(1)
    t.mock.timers.tick(30_000)
    assert.deepEqual((await next()).slice(0, 1), [MessageType.REFUSED])
    await closed
    t.mock.timers.reset()
    while (staging.usedBytes > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  it('keeps a whole value until it is named where memory is for one opener alone, and not where others wait for it', async (t) => {
    for (const [maxBytes, isKept] of [
      [Infinity, true],
      [30 * limits.chunkBytes, false],
    ] as const) {
      staging = new StagingBudget(maxBytes)
      received = []
      const { link, next } = await open()
      t.mock.timers.enable({ apis: ['setTimeout'] })
      let id = 0
      link.stage(Buffer.alloc(limits.chunkBytes), (staged) => ({ id } = staged))
      link.send([MessageType.EVENT, 'sent'])
      await receivedCount(1)
      t.mock.timers.tick(30_000)
      if (isKept) {
        link.sendData(setAhead({ id }))
        await receivedCount(2)
      } else assert.deepEqual((await next()).slice(0, 1), [MessageType.REFUSED])
      t.mock.timers.reset()
      link.terminate()
    }
  })

  it('takes no value from an opener that has none to send', async () => {
    const admin = await dial(nodeRuntime, listener.address, { ...client, role: 'admin' }, 2000)
    const answer = new Promise((resolve) => {
      admin.handlers = { message: resolve, close: () => undefined }
    })
    admin.send([MessageType.VALUE_CHUNK, 1, 10, 0, Buffer.alloc(5)])
    assert.deepEqual(await answer, [MessageType.REFUSED, 5, 'no value may be sent to this process'])
  })

  it('tells a peer of another version, cluster or role why it is refused', async () => {
    const refusals: [Partial<Introduction>, string][] = [
      [{ cluster: 'other' }, 'WRONG_CLUSTER'],
      [{ role: 'master' }, 'WRONG_ROLE'],
      [{ role: 'stranger' as 'client' }, 'PROTOCOL'],
    ]
    for (const [part, code] of refusals)
      await assert.rejects(dial(nodeRuntime, listener.address, { ...client, ...part }, 2000), { code })
    const [refusal] = await talk(
      encodeFrame([MessageType.HELLO, PROTOCOL_VERSION + 2, 'client', 'test', '', []]),
    )
    assert.deepEqual(refusal!.slice(0, 2), [MessageType.REFUSED, 6])
    assert.match(String(refusal![2]), /protocol version 2/)
  })

  it('refuses an introduction of anything but names and numbers', async () => {
    const odd = { toString: 1, valueOf: 1 }
    const hellos: Message[] = [
      [MessageType.HELLO, odd, 'client', 'test', '', []],
      [MessageType.HELLO, Number.NaN, 'client', 'test', '', []],
      [MessageType.HELLO, PROTOCOL_VERSION, odd, 'test', '', []],
      [MessageType.HELLO, PROTOCOL_VERSION, 'constructor', 'test', '', []],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', odd, '', []],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', odd, []],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', '', odd],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', '', [odd]],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', '', [Buffer.alloc(1000)]],
      [MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', '', new Array(1000).fill(0)],
    ]
    for (const hello of hellos) {
      const [refusal] = await talk(encodeFrame(hello))
      assert.equal(refusal![0], MessageType.REFUSED)
      assert.ok([5, 6].includes(refusal![1] as number))
    }
  })

  it('bears any answer to HELLO', async () => {
    const odd = { toString: 1, valueOf: 1 }
    const answers: [Message, string][] = [
      [[MessageType.REFUSED, odd, odd], 'INTERNAL'],
      [[MessageType.REFUSED, 'constructor'], 'INTERNAL'],
      [[MessageType.REFUSED], 'INTERNAL'],
      [[MessageType.WELCOME, odd, odd, odd, odd, odd], 'WRONG_PROTOCOL_VERSION'],
      [[MessageType.WELCOME, PROTOCOL_VERSION, 'master', 'test', '', [odd]], 'PROTOCOL'],
      [[MessageType.RESULTS, odd], 'PROTOCOL'],
    ]
    const impostor = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(impostor, 'listening')
    const { port } = impostor.address() as { port: number }
    for (const [answer, code] of answers) {
      impostor.once('connection', (socket) => socket.send(encodeFrame(answer)))
      await assert.rejects(dial(nodeRuntime, { host: '127.0.0.1', port }, client, 2000), { code })
    }
    await new Promise((resolve) => impostor.close(resolve))
  })

  it('refuses garbage and goes on serving others', async () => {
    const { link, next } = await open()
    onMessage = (message, from) => from.send(message)
    const garbage = [
      Buffer.from('GET / HTTP/1.1'),
      Buffer.alloc(0),
      Buffer.from([0xc1]),
      Buffer.alloc(100_000, 0x91),
    ]
    for (const frame of garbage) {
      const [refusal] = await talk(frame)
      assert.deepEqual(refusal!.slice(0, 2), [MessageType.REFUSED, 5])
    }
    const [, refusal] = await talk(
      encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, 'client', 'test', '', []]),
      Buffer.from([0xc1]),
    )
    assert.deepEqual(refusal!.slice(0, 2), [MessageType.REFUSED, 5])
    link.send([MessageType.EVENT, 'still here'])
    assert.deepEqual(await next(), [MessageType.EVENT, 'still here'])
    link.close()
  })

  it('refuses a frame over the limit before reading it', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${listener.address.port}`, { perMessageDeflate: false })
    await once(socket, 'open')
    socket.send(Buffer.alloc(limits.maxFrameBytes + 1))
    const [code] = (await once(socket, 'close')) as [number]
    assert.equal(code, 1009)
  })

  it('refuses chunks that do not fit together', async () => {
    const chunks: [fields: unknown[], reason: RegExp][] = [
      [[1, limits.maxValueBytes + 1, 0, Buffer.alloc(1)], /announced; the largest is/],
      [[1, 10, 5, Buffer.alloc(5)], /must begin a value at offset 0, got 5 bytes of value 1 at offset 5$/],
      [[1, 10, 0, Buffer.alloc(11)], /at most 10 bytes of value 1 at offset 0, got 11 bytes of value 1 at /],
      [['x', 10, 0, Buffer.alloc(1)], /id of VALUE_CHUNK must be a whole number from 0 on, got "x"$/],
      [[Number.NaN, 10, 0, Buffer.alloc(5)], /id of VALUE_CHUNK must be a whole number from 0 on, got NaN$/],
      [[1, 10, 0, 'text'], /piece in VALUE_CHUNK must be bytes, got "text"$/],
    ]
    for (const [fields, reason] of chunks) {
      const { link, next, closed } = await open()
      link.send([MessageType.VALUE_CHUNK, ...fields])
      const [type, code, text] = await next()
      assert.deepEqual([type, code], [MessageType.REFUSED, 5], String(reason))
      assert.match(text as string, reason)
      await closed
    }
  })

  it('says when nothing listens, and when an address is taken', async () => {
    const { address } = listener
    await assert.rejects(
      listen(nodeRuntime, address, 'test', {
        introduce: () => self,
        admit: () => undefined,
        opened: () => undefined,
      }),
      {
        code: 'INVALID_ARGUMENT',
        message: /another process listens there/,
      },
    )
    await listener.close()
    await assert.rejects(dial(nodeRuntime, address, client, 2000), (error: IcfError) => {
      assert.equal(error.code, 'UNREACHABLE')
      assert.match(error.message, /connection refused/)
      return isRefused(error)
    })
    const of = (code: string): Error => Object.assign(new Error(code), { code })
    const several = Object.assign(
      new AggregateError([of('ECONNREFUSED'), of('ETIMEDOUT')]),
      of('ECONNREFUSED'),
    )
    assert.ok(!isRefused(new IcfError('UNREACHABLE', '', { cause: several })))
  })

  it('ends with a clear error when the other side never answers HELLO', async () => {
    const { createServer } = await import('node:net')
    const mute = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as { port: number }
    await assert.rejects(dial(nodeRuntime, { host: '127.0.0.1', port }, client, 50), { code: 'TIMEOUT' })
    mute.close()
  })

  it('can not reach what is no address', async () => {
    const { port } = listener.address
    for (const host of ['10.0.0.1:7100', '[fd00::1]', 'x#y', '127.0.0.1/', 'a@127.0.0.1', 'a b', '%', ''])
      await assert.rejects(dial(nodeRuntime, { host, port }, client, 2000), { code: 'UNREACHABLE' }, host)
    for (const wrong of [0, -1, 65536, Number.NaN])
      await assert.rejects(
        dial(nodeRuntime, { host: '127.0.0.1', port: wrong }, client, 2000),
        { code: 'UNREACHABLE' },
        `port ${wrong}`,
      )
  })

  it('gives an attempt up when nobody wants it any more', async () => {
    const { createServer } = await import('node:net')
    const mute = createServer().listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as { port: number }
    const connected = once(mute, 'connection') as Promise<[Socket]>
    const redialer = new Redialer(nodeRuntime, {
      address: { host: '127.0.0.1', port },
      introduce: () => client,
      opened: () => assert.fail('opened'),
      failed: () => assert.fail('failed'),
      timeoutMs: 100_000,
      maxTimeoutMs: 100_000,
      minDelayMs: 1,
      maxDelayMs: 1,
    })
    const [socket] = await connected
    socket.resume()
    redialer.stop()
    await once(socket, 'close')
    await assert.rejects(dial(nodeRuntime, { host: '127.0.0.1', port }, client, 2000, AbortSignal.abort()), {
      code: 'CLOSED',
    })
    mute.close()
  })

  /** Until the acceptor has so many messages. */
  async function receivedCount(count: number): Promise<void> {
    while (received.length < count) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Sends raw frames and collects what comes back until the connection closes. */
  async function talk(...frames: Buffer[]): Promise<Message[]> {
    const socket = new WebSocket(`ws://127.0.0.1:${listener.address.port}`, { perMessageDeflate: false })
    const answers: Message[] = []
    socket.on('message', (data) => answers.push(decodeFrame(data as Buffer, () => undefined)))
    await once(socket, 'open')
    for (const frame of frames) socket.send(frame)
    await once(socket, 'close')
    return answers
  }
})
