import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { limits } from '../limits.js'
import { nameAhead } from '../wire/data/data-frame.js'
import { MessageType, type Message } from '../wire/messages.js'
import { fromVersion1, toVersion1 } from '../wire/version-1.js'
import {
  decodeFrame,
  encodeFrame,
  listen,
  nodeRuntime,
  StagingBudget,
  type Link,
  type Listener,
} from './index.js'

const { HELLO, REFUSED, RESULTS, VALUE_CHUNK, COMMANDS, WELCOME } = MessageType
const SET = [COMMANDS, 1, 1, 0, 1, 0, 1, 'key', 'v', 1, 0, 0]

describe('a link to a peer', () => {
  let listener: Listener
  let takesData: boolean
  let received: Message[]
  let opened: (link: Link) => void
  let socket: WebSocket
  let answers: Message[]

  beforeEach(async () => {
    takesData = true
    received = []
    answers = []
    opened = () => undefined
    listener = await listen(nodeRuntime, { host: '127.0.0.1', port: 0 }, 'test', {
      introduce: () => ({ role: 'cache-server', cluster: 'test', id: 'server', details: [] }),
      admit: () => undefined,
      staging: () => new StagingBudget(Infinity),
      opened: (link) => {
        link.handlers = {
          message: (message) => received.push(message),
          ...(takesData && { data: (frame) => received.push(toVersion1(frame, frame.ahead)) }),
          close: () => undefined,
        }
        opened(link)
      },
    })
  })

  afterEach(() => {
    socket.terminate()
    return listener.close()
  })

  async function hello(version: number): Promise<void> {
    socket = new WebSocket(`ws://127.0.0.1:${listener.address.port}`, { perMessageDeflate: false })
    // Staged values stand in an answer as their ids.
    socket.on('message', (data) => answers.push(decodeFrame(data as Buffer, (id) => Uint8Array.of(id))))
    await once(socket, 'open')
    socket.send(encodeFrame([HELLO, version, 'client', 'test', '', []]))
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  }

  it('of version 1 sends it arrays, and a Staged for a value that was sent ahead', async () => {
    const value = Buffer.alloc(limits.chunkBytes + 1, 'v')
    opened = (link) => {
      link.sendData(fromVersion1([RESULTS, 0, 2, 'text', null]).bytes)
      link.stage(value, ({ id }) => {
        const frame = fromVersion1([RESULTS, 2, 1, [0, value]]).bytes
        nameAhead(frame, id)
        link.sendData(frame)
      })
    }
    await hello(1)
    await until(() => answers.length === 5)
    assert.equal(answers[0]![0], WELCOME)
    assert.deepEqual(answers[1], [RESULTS, 0, 2, 'text', null])
    assert.deepEqual(
      answers.slice(2, 4).map(([type, id, size]) => [type, id, size]),
      [
        [VALUE_CHUNK, 1, value.length],
        [VALUE_CHUNK, 1, value.length],
      ],
    )
    assert.deepEqual(answers[4], [RESULTS, 2, 1, [0, Uint8Array.of(1)]])
  })

  it('takes arrays from it', async () => {
    await hello(1)
    socket.send(encodeFrame(SET))
    await until(() => received.length === 1)
    assert.deepEqual(received, [SET])
  })

  const refusals: [string, boolean, Buffer, RegExp][] = [
    ['an array when it takes no data', false, encodeFrame(SET), /message 19 can not be sent to this process/],
    ['a frame when it takes no data', false, fromVersion1(SET).bytes, /message 19 can not be sent to this process/],
    ['a value that was not sent ahead', true, Buffer.from([COMMANDS | 0x40, 7, 0, 0, 0, 1, 1, 0, 1, 0]), /value 7, which was not sent ahead/],
    ['a first byte that is unknown', true, Buffer.from([1, 1]), /begin with the number of a message, got 1/],
    ['one with the bit of a value', true, Buffer.from([0x47, 0x45]), /begin with the number of a message, got 71/],
  ] // prettier-ignore
  for (const [name, data, frame, reason] of refusals)
    it(`refuses ${name}`, async () => {
      takesData = data
      await hello(2)
      socket.send(frame)
      await once(socket, 'close')
      const [type, code, text] = answers.at(-1)!
      assert.deepEqual([type, code], [REFUSED, 5])
      assert.match(String(text), reason)
      assert.deepEqual(received, [])
    })
})
