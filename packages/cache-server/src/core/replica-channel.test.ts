import { limits, MessageType, ReplicaOp, type Message } from '@icf/common'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { PendingWrite } from './pending-write.js'
import type { LinkPort } from './ports.js'
import { ReplicaChannel } from './replica-channel.js'

class FakePort implements LinkPort {
  readonly sent: Message[] = []
  readonly staging: { bytes: Uint8Array; ready: (staged: object) => void }[] = []

  send(message: Message): void {
    this.sent.push([...message])
  }

  stage(bytes: Uint8Array, ready: (staged: object) => void): void {
    this.staging.push({ bytes, ready })
  }

  get numbers(): unknown[] {
    return this.sent.map((message) => message[3])
  }
}

function entry(key: string, seq: number, value: string | Uint8Array = 'v', expiresAt = 0): Entry {
  return new Entry(key, 5, seq, value, 1, expiresAt)
}

function pending(): PendingWrite {
  return new PendingWrite(5, 'k', undefined, undefined, 0, true)
}

describe('a replica channel', () => {
  let channel: ReplicaChannel
  let port: FakePort
  let done: PendingWrite[]
  const acknowledged = (write: PendingWrite): void => void done.push(write)

  beforeEach(() => {
    channel = new ReplicaChannel('peer', [])
    port = new FakePort()
    done = []
  })

  const put = (seq: number): PendingWrite => {
    const write = pending()
    channel.put(entry('k', seq), 0, write)
    channel.flush(1, 2)
    return write
  }

  it('sends one batch for all that was put in, stamped with the topology', () => {
    channel.connected(port, 0, acknowledged)
    channel.put(entry('a', 1, 'v', 500), 100, undefined)
    channel.remove(5, 2, 'b', undefined)
    channel.flush(3, 4)
    const put = [ReplicaOp.PUT, 5, 1, 'a', 'v', 1, 400]
    assert.deepEqual(port.sent, [
      [MessageType.KEY_VALUE_RESPONCE_BACK, 3, 4, 1, ...put, ReplicaOp.REMOVE, 5, 2, 'b'],
    ])
  })

  it('completes writes with their batch, in order', () => {
    channel.connected(port, 0, acknowledged)
    const writes = [put(1), put(2), put(3)]
    channel.acknowledge(2, acknowledged)
    assert.deepEqual(done, writes.slice(0, 2))
    assert.equal(channel.acknowledged, 2)
  })

  it('sends again after a reconnect just what the peer has not stored', () => {
    const writes = [put(1), put(2), put(3)]
    channel.connected(port, 1, acknowledged)
    assert.deepEqual(done, [writes[0]])
    assert.deepEqual(port.numbers, [2, 3])
    channel.disconnected()
    put(4)
    const again = new FakePort()
    channel.connected(again, 2, acknowledged)
    assert.deepEqual(again.numbers, [3, 4])
    assert.deepEqual(port.numbers, [2, 3])
  })

  it('sends a long value ahead, keeps the order meanwhile, and sends it again on another link', () => {
    const long = Buffer.alloc(limits.chunkBytes + 1)
    channel.connected(port, 0, acknowledged)
    channel.put(entry('long', 1, long), 0, pending())
    channel.flush(1, 1)
    put(2)
    assert.deepEqual(port.numbers, [])
    const staged = { name: 'staged' }
    port.staging[0]!.ready(staged)
    assert.deepEqual(port.numbers, [1, 2])
    assert.equal(port.sent[0]![8], staged)
    channel.disconnected()
    const again = new FakePort()
    channel.connected(again, 0, acknowledged)
    assert.equal(again.staging[0]!.bytes, long)
    const anew = { name: 'staged anew' }
    again.staging[0]!.ready(anew)
    assert.deepEqual(again.numbers, [1, 2])
    assert.equal(again.sent[0]![8], anew)
  })

  it('ignores a value that has gone ahead on a link that broke', () => {
    channel.connected(port, 0, acknowledged)
    channel.put(entry('long', 1, Buffer.alloc(limits.chunkBytes + 1)), 0, pending())
    channel.flush(1, 1)
    channel.disconnected()
    const again = new FakePort()
    channel.connected(again, 0, acknowledged)
    port.staging[0]!.ready({})
    assert.deepEqual([port.numbers, again.numbers], [[], []])
    again.staging[0]!.ready({})
    assert.deepEqual(again.numbers, [1])
  })

  it('holds refused writes until they are taken', () => {
    channel.connected(port, 0, acknowledged)
    const write = put(1)
    channel.acknowledge(1, acknowledged, new Set([5]))
    assert.deepEqual([done, channel.holdsWrites], [[], true])
    assert.deepEqual(
      channel.takeWrites(() => false),
      [write],
    )
    assert.equal(channel.holdsWrites, false)
  })

  it('counts what is on its way', () => {
    channel.connected(port, 0, acknowledged)
    channel.fill(entry('k', 1), 0, undefined)
    put(2)
    assert.ok(channel.fillBytesInFlight > 0 && channel.bytesInFlight > channel.fillBytesInFlight)
    channel.acknowledge(1, acknowledged)
    assert.deepEqual([channel.fillBytesInFlight, channel.bytesInFlight], [0, 0])
  })

  it('starts a new batch when one is large enough', () => {
    channel.connected(port, 0, acknowledged)
    const value = 'x'.repeat(200_000)
    for (let seq = 1; seq <= 12; seq++) channel.put(entry('k', seq, value), 0, undefined)
    channel.flush(1, 1)
    assert.ok(port.sent.length >= 2)
    const operations = port.sent.reduce((sum, message) => sum + (message.length - 4) / 7, 0)
    assert.equal(operations, 12)
  })
})
