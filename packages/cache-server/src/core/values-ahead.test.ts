import { limits, MessageType, ReplicaOp } from '@icf/common'
import { RecordingPort } from '@icf/testkit/recording-port'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { PendingWrite } from './pending-write.js'
import { ReplicaChannel } from './replica-channel.js'

describe('a channel whose long values go ahead', () => {
  let channel: ReplicaChannel
  let port: RecordingPort
  let arrived: number
  let seq: number

  beforeEach(() => {
    arrived = 0
    seq = 0
    channel = new ReplicaChannel('peer', 1, [], undefined, () => arrived++)
    port = new RecordingPort()
    channel.connected(port)
  })

  const long = (): Buffer => Buffer.alloc(limits.chunkBytes + 1)
  const put = (value: string | Buffer): void => {
    const entry = new Entry('k', 5, ++seq, value, 1, 0)
    channel.put(entry, 0, new PendingWrite(5, 'k', true, undefined, 0, true), undefined, 0)
    channel.flush()
  }
  const batch = (number: number, ...operations: unknown[]): unknown[] => [
    ...[MessageType.KEY_VALUE_RESPONCE_BACK, 0, 0, number],
    ...operations,
  ]

  it('names one in the batch that is put in after it, and lets others pass until then', () => {
    const value = long()
    channel.sendAhead(value)
    put('short')
    assert.equal(channel.hasAhead(value), false)
    port.staging[0]!.ready({ id: 7 })
    assert.deepEqual([channel.hasAhead(value), arrived], [true, 1])
    put('short')
    put(value)
    channel.acknowledge(2, () => undefined)
    put('short')
    assert.equal(port.staging.length, 1)
    assert.deepEqual(port.sent, [
      batch(1, ReplicaOp.PUT, 5, 1, 'k', 'short', 1, 0, 0),
      batch(2, ReplicaOp.PUT, 5, 2, 'k', 'short', 1, 0, 0),
      batch(3, ReplicaOp.PUT, 5, 3, 'k', { id: 7 }, 1, 0, 0),
      batch(4, ReplicaOp.PUT, 5, 4, 'k', 'short', 1, 0, 0),
    ])
  })

  it('sends the next one when that which went before is named', () => {
    const [first, second] = [long(), long()]
    channel.sendAhead(first)
    channel.sendAhead(second)
    port.staging[0]!.ready({ id: 1 })
    assert.equal(port.staging.length, 1)
    put(first)
    assert.equal(port.staging[1]!.bytes, second)
  })

  it('counts one that has gone as little as a short one', () => {
    const value = long()
    channel.sendAhead(value)
    port.staging[0]!.ready({ id: 1 })
    put(value)
    assert.ok(channel.bytesInFlight < 100)
    channel.acknowledge(1, () => undefined)
    assert.equal(channel.bytesInFlight, 0)
  })

  it('makes the peer forget one that is withdrawn, whenever that is', () => {
    const [before, meanwhile, after, last] = [long(), long(), long(), long()]
    for (const value of [meanwhile, before, after, last]) channel.sendAhead(value)
    channel.withdraw(before)
    channel.withdraw(meanwhile)
    port.staging[0]!.ready({ id: 1 })
    channel.flush()
    assert.equal(port.staging[1]!.bytes, after)
    port.staging[1]!.ready({ id: 2 })
    channel.withdraw(after)
    channel.flush()
    assert.equal(port.staging[2]!.bytes, last)
    const ahead = MessageType.KEY_VALUE_RESPONCE_BACK + 64
    assert.deepEqual(port.frames.map((frame) => [frame[0], frame.readUInt32LE(1)]), [[ahead, 1], [ahead, 2]]) // prettier-ignore
    assert.deepEqual(port.sent, [batch(1), batch(2)])
  })

  it('sends one anew that had not gone when the link broke, and none that was withdrawn', () => {
    const [first, second] = [long(), long()]
    channel.sendAhead(first)
    channel.sendAhead(second)
    channel.withdraw(first)
    channel.disconnected()
    port.staging[0]!.ready({ id: 1 })
    const again = new RecordingPort()
    channel.connected(again)
    assert.deepEqual(again.staging.map(({ bytes }) => bytes), [second]) // prettier-ignore
    assert.equal(channel.hasAhead(second), false)
    again.staging[0]!.ready({ id: 1 })
    assert.equal(channel.hasAhead(second), true)
  })

  it('lets a batch wait for one that had gone on a link that broke', () => {
    const value = long()
    channel.sendAhead(value)
    port.staging[0]!.ready({ id: 1 })
    channel.disconnected()
    const again = new RecordingPort()
    channel.connected(again)
    assert.deepEqual([channel.hasAhead(value), again.staging.length], [true, 0])
    put(value)
    put('short')
    assert.deepEqual(again.sent, [])
    again.staging[0]!.ready({ id: 5 })
    assert.deepEqual(again.sent.map((message) => message[8]), [{ id: 5 }, 'short']) // prettier-ignore
  })

  it('sends after a reconnect hardly anything for one that it made the peer forget', () => {
    const value = long()
    channel.sendAhead(value)
    port.staging[0]!.ready({ id: 1 })
    channel.withdraw(value)
    channel.flush()
    channel.disconnected()
    const again = new RecordingPort()
    channel.connected(again)
    assert.equal(again.staging[0]!.bytes.length, 1)
  })

  it('goes on with those that wait after what a topology sends the slow way', () => {
    const [slow, ahead] = [long(), long()]
    put(slow)
    channel.sendAhead(ahead)
    assert.equal(port.staging.length, 1)
    port.staging[0]!.ready({ id: 1 })
    assert.equal(port.staging[1]!.bytes, ahead)
  })
})
