import { limits, MessageType, ReplicaOp } from '@icf/common'
import { encodeFrame } from '@icf/common/node'
import { RecordingPort } from '@icf/testkit/recording-port'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { ownedValue } from './owned-value.js'
import { Origin } from './origin.js'
import { PendingWrite } from './pending-write.js'
import { ReplicaChannel } from './replica-channel.js'

class FakePort extends RecordingPort {
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
    channel = new ReplicaChannel('peer', 1, [])
    port = new FakePort()
    done = []
  })

  const put = (seq: number): PendingWrite => {
    const write = pending()
    channel.put(entry('k', seq), 0, write, undefined, 0)
    channel.flush()
    return write
  }

  it('sends one batch for all that was put in, stamped with the topology it goes by', () => {
    const origin = new Origin('client')
    origin.settle(6)
    channel.follow(3, 4)
    channel.connected(port)
    channel.put(entry('a', 1, 'v', 500), 100, pending(), origin, 7)
    channel.remove(5, 2, 'b', pending(), undefined, 0)
    // The next one is of what comes after it.
    channel.follow(3, 5)
    channel.flush()
    assert.deepEqual(port.sent, [
      [
        MessageType.KEY_VALUE_RESPONCE_BACK,
        ...[3, 4, 1],
        ...[ReplicaOp.ORIGIN, 'client', 6],
        ...[ReplicaOp.PUT, 5, 1, 'a', 'v', 1, 400, 7],
        ...[ReplicaOp.REMOVE, 5, 2, 'b', 0],
      ],
    ])
  })

  it('completes writes with their batch, in order', () => {
    channel.connected(port)
    const writes = [put(1), put(2), put(3)]
    channel.acknowledge(2, acknowledged)
    assert.deepEqual(done, writes.slice(0, 2))
  })

  it('sends again after a reconnect what is not acknowledged: only the peer knows what it refused', () => {
    const writes = [put(1), put(2), put(3)]
    channel.connected(port)
    channel.acknowledge(1, acknowledged)
    channel.disconnected()
    put(4)
    const again = new FakePort()
    channel.connected(again)
    assert.deepEqual(again.numbers, [2, 3, 4])
    assert.deepEqual(port.numbers, [1, 2, 3])
    assert.deepEqual(done, [writes[0]])
  })

  it('says how long an entry has to live from when it is sent, however late that is, or sent again', () => {
    channel.put(entry('k', 1, 'v', 1000), 100, pending(), undefined, 0)
    channel.fill(entry('forever', 2), 100, undefined)
    channel.flush()
    const ttls = (at: FakePort): unknown[] => [at.sent[0]![10], at.sent[0]![18]]
    channel.elapse(300)
    channel.connected(port)
    assert.deepEqual(ttls(port), [700, 0])
    channel.disconnected()
    channel.elapse(2000)
    const again = new FakePort()
    channel.connected(again)
    // The end of its time is the primary's to tell.
    assert.deepEqual(ttls(again), [1, 0])
  })

  it('takes the time that a long value needs off what it has to live', () => {
    channel.connected(port)
    channel.put(entry('long', 1, Buffer.alloc(limits.chunkBytes + 1), 1000), 100, pending(), undefined, 0)
    channel.flush()
    channel.elapse(900)
    port.staging[0]!.ready({})
    assert.equal(port.sent[0]![10], 100)
  })

  it('starts a new batch when deletes and the ends of copies make one large', () => {
    channel.connected(port)
    const key = 'k'.repeat(4096)
    for (let seq = 1; seq <= 2500; seq++) channel.remove(5, seq, key, pending(), undefined, 0)
    const origins = Array.from({ length: 100 }, (_, i) => new Origin(`client ${i}`))
    const written = Array.from({ length: 100_000 }, (_, i) => ({ origin: origins[i % 100]!, number: i }))
    channel.fillBegin(5, 1, 1, written)
    channel.flush()
    assert.equal(port.sent.flat().filter((field) => field === key).length, 2500)
    for (const message of port.sent) assert.ok(JSON.stringify(message).length < 2 * limits.softFrameBytes)
    channel.acknowledge(port.sent.length, acknowledged)
    assert.equal(channel.bytesInFlight, 0)
  })

  it('sends a long value ahead, keeps the order meanwhile, and sends it again on another link', () => {
    const long = Buffer.alloc(limits.chunkBytes + 1)
    channel.connected(port)
    channel.put(entry('long', 1, long), 0, pending(), undefined, 0)
    channel.flush()
    put(2)
    assert.deepEqual(port.numbers, [])
    const staged = { name: 'staged' }
    port.staging[0]!.ready(staged)
    assert.deepEqual(port.numbers, [1, 2])
    assert.equal(port.sent[0]![8], staged)
    channel.disconnected()
    const again = new FakePort()
    channel.connected(again)
    assert.equal(again.staging[0]!.bytes, long)
    const anew = { name: 'staged anew' }
    again.staging[0]!.ready(anew)
    assert.deepEqual(again.numbers, [1, 2])
    assert.equal(again.sent[0]![8], anew)
  })

  it('does not keep what was evicted for a long value until that has gone ahead', () => {
    channel.connected(port)
    channel.remove(5, 1, 'evicted', pending(), undefined, 0)
    channel.put(entry('long', 2, Buffer.alloc(limits.chunkBytes + 1)), 0, pending(), undefined, 0)
    channel.flush()
    assert.deepEqual([port.numbers, port.staging.length], [[1], 1])
  })

  it('ignores a value that has gone ahead on a link that broke', () => {
    channel.connected(port)
    channel.put(entry('long', 1, Buffer.alloc(limits.chunkBytes + 1)), 0, pending(), undefined, 0)
    channel.flush()
    channel.disconnected()
    const again = new FakePort()
    channel.connected(again)
    port.staging[0]!.ready({})
    assert.deepEqual([port.numbers, again.numbers], [[], []])
    again.staging[0]!.ready({})
    assert.deepEqual(again.numbers, [1])
  })

  it('holds refused writes until they are taken', () => {
    channel.connected(port)
    const write = put(1)
    channel.acknowledge(1, acknowledged, new Set([5]))
    assert.deepEqual([done, channel.holdsWrites], [[], true])
    assert.deepEqual(
      channel.takeWrites(() => false),
      [write],
    )
    assert.equal(channel.holdsWrites, false)
  })

  it('holds with a refused write what waits for all that was put in before it', () => {
    channel.connected(port)
    const write = put(1)
    const [repetition, other] = [pending(), new PendingWrite(6, 'k', undefined, undefined, 0, true)]
    channel.expect(repetition)
    channel.expect(other)
    channel.flush()
    channel.acknowledge(1, acknowledged, new Set([5]))
    channel.acknowledge(2, acknowledged)
    assert.deepEqual(done, [other])
    assert.deepEqual(channel.heldSlots(), [5])
    assert.deepEqual(channel.endMend(5), [write, repetition])
    assert.equal(channel.holdsWrites, false)
  })

  it('counts what is on its way', () => {
    channel.connected(port)
    channel.fill(entry('k', 1), 0, undefined)
    put(2)
    assert.ok(channel.fillBytesInFlight > 0 && channel.bytesInFlight > channel.fillBytesInFlight)
    channel.acknowledge(1, acknowledged)
    assert.deepEqual([channel.fillBytesInFlight, channel.bytesInFlight], [0, 0])
  })

  it('keeps frames short though its text takes three bytes a character', () => {
    channel.connected(port)
    const key = '漢'.repeat(limits.maxKeyBytes / 3)
    const texts = [limits.chunkBytes / 3, limits.softFrameBytes, 2 * limits.softFrameBytes, 1000].map(
      (length) => ownedValue('漢'.repeat(length)),
    )
    for (let seq = 1; seq <= 40; seq++) {
      const value = entry(key, seq, texts[seq % 4])
      channel.put(value, 0, pending(), undefined, 0)
    }
    channel.flush()
    for (let at = 0; at < port.staging.length; at++) port.staging[at]!.ready({})
    assert.equal(
      port.sent.reduce((sum, message) => sum + (message.length - 4) / 8, 0),
      40,
    )
    for (const message of port.sent) assert.ok(encodeFrame(message).length < limits.maxFrameBytes)
  })

  it('starts a new batch when one is large enough', () => {
    channel.connected(port)
    const value = 'x'.repeat(200_000)
    for (let seq = 1; seq <= 12; seq++) channel.put(entry('k', seq, value), 0, pending(), undefined, 0)
    channel.flush()
    assert.ok(port.sent.length >= 2)
    const operations = port.sent.reduce((sum, message) => sum + (message.length - 4) / 8, 0)
    assert.equal(operations, 12)
  })
})
