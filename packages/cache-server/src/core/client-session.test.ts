import { limits, ValueKind, type Message } from '@icf/common'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { encodeFrame } from '@icf/common/node'
import { ClientSession } from './client-session.js'
import { Entry } from './entry.js'
import { ownedValue } from './owned-value.js'

describe('answers to a client', () => {
  let sent: Message[]
  let session: ClientSession

  beforeEach(() => {
    sent = []
    const port = {
      send: (message: Message) => void sent.push(message),
      stage: () => assert.fail('staged'),
    }
    session = new ClientSession(port, '', [])
  })

  const checkFrames = (count: number): void => {
    session.flush()
    let results = 0
    for (const message of sent) {
      const { length } = encodeFrame(message)
      assert.ok(length < limits.maxFrameBytes / 2, `a frame of ${length} bytes`)
      assert.equal(message[1], results)
      results += message[2] as number
    }
    assert.equal(results, count)
  }

  const entry = (value: string | Uint8Array, kind: number): Entry => new Entry('k', 1, 1, value, kind, 0)

  it('leave in several frames when they are objects', () => {
    for (let id = 0; id < 100; id++) session.reply(id, entry(Buffer.alloc(100_000), ValueKind.ENCODED))
    checkFrames(100)
    assert.ok(sent.length >= 8)
  })

  it('leave in several frames when they are text of three bytes a character', () => {
    const text = ownedValue('漢'.repeat(limits.chunkBytes / 3))
    assert.equal(typeof text, 'string')
    for (let id = 0; id < 100; id++) session.reply(id, entry(text, ValueKind.TEXT))
    checkFrames(100)
  })

  it('leave in several frames when they are errors, or nothing', () => {
    const error = [-1, 10, 'another server owns this slot', 1_795_304_882, 111]
    for (let id = 0; id < 200_000; id++) session.reply(id, id % 2 === 0 ? error : null)
    checkFrames(200_000)
    assert.ok(sent.length >= 2)
  })
})
