import { keyOf, limits, MessageType, ReplicaOp } from '@icf/common'
import { RecordingPort } from '@icf/testkit/recording-port'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { Origin } from './origin.js'
import { PendingWrite } from './pending-write.js'
import { ReplicaChannel, type Fill } from './replica-channel.js'
import { storedValue, type StoredValue } from './stored-value.js'
import type { WrittenBy } from './write-history.js'

class FakePort extends RecordingPort {
  get numbers(): unknown[] {
    return this.sent.map((message) => message[3])
  }
}

function valueOf(text: string): StoredValue {
  const bytes = Buffer.from(text)
  return storedValue(bytes, 0, bytes.length)
}

function entry(key: string, seq: number, value: StoredValue = 'v', expiresAt = 0): Entry {
  return new Entry(key, 5, seq, value, 1, expiresAt)
}

/** Sent ahead of its batch. */
const LONG = Buffer.alloc(limits.chunkBytes + 1)

/** How many fields of an array an operation that has no entry takes, with its number. */
function arityOf(op: unknown): number {
  if (op === ReplicaOp.FILL_BEGIN) return 4
  return op === ReplicaOp.FILL_END ? 2 : 3
}

function pending(): PendingWrite {
  return new PendingWrite(5, 'k', false, undefined, 0, true)
}

describe('a replica channel', () => {
  let channel: ReplicaChannel
  let dirty: ReplicaChannel[]
  /** That are to begin. */
  let fills: Map<number, Fill>
  let port: FakePort
  let done: PendingWrite[]
  const acknowledged = (write: PendingWrite): void => void done.push(write)

  beforeEach(() => {
    dirty = []
    fills = new Map()
    channel = new ReplicaChannel('peer', 1, dirty, {
      isToBegin: (slot) => fills.has(slot),
      begin: (slot) => {
        const fill = fills.get(slot)!
        fills.delete(slot)
        return fill
      },
    })
    port = new FakePort()
    done = []
  })

  const put = (seq: number): PendingWrite => {
    const write = pending()
    channel.put(entry('k', seq), 0, write, undefined, 0)
    channel.flush()
    return write
  }

  const wantFill = (slot: number, written: readonly WrittenBy[] = []): Fill => {
    const fill = { seq: 1, since: 1, written, isParted: false, firstBatch: 0 }
    fills.set(slot, fill)
    return fill
  }
  /** With something that has no operation of its own. */
  const beginFill = (slot: number, written: readonly WrittenBy[] = []): void => {
    wantFill(slot, written)
    channel.expect(new PendingWrite(slot, 'k', false, undefined, 0, true))
  }

  it('begins a copy with what comes first for its slot', () => {
    channel.connected(port)
    const [fill, other] = [wantFill(5), wantFill(6)]
    put(2)
    put(3)
    const operations = port.sent.map((message) => message.slice(4))
    assert.deepEqual(operations[0]!.slice(0, 5), [ReplicaOp.FILL_BEGIN, 5, 1, 1, ReplicaOp.PUT])
    assert.equal(operations[1]![0], ReplicaOp.PUT)
    assert.deepEqual([fill.firstBatch, other.firstBatch], [1, 0])
    assert.deepEqual(
      [5, 6].map((slot) => channel.isToBegin(slot)),
      [false, true],
    )
  })

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
    port.staging[0]!.ready({ id: 1 })
    assert.equal(port.sent[0]![10], 100)
  })

  it('starts a new batch when deletes and the ends of copies make one large', () => {
    channel.connected(port)
    const key = 'k'.repeat(4096)
    for (let seq = 1; seq <= 2500; seq++) channel.remove(5, seq, key, pending(), undefined, 0)
    const origins = Array.from({ length: 100 }, (_, i) => new Origin(`client ${i}`))
    const written = Array.from({ length: 100_000 }, (_, i) => ({ origin: origins[i % 100]!, number: i }))
    beginFill(5, written)
    channel.flush()
    assert.equal(port.sent.flat().filter((field) => field === key).length, 2500)
    for (const message of port.sent) assert.ok(JSON.stringify(message).length < 2 * limits.softFrameBytes)
    channel.acknowledge(port.sent.length, acknowledged)
    assert.equal(channel.bytesInFlight, 0)
  })

  it('says in each batch whose the writes are that the slot has already, also where that made the batch full', () => {
    channel.connected(port)
    const origins = Array.from(
      { length: 200 },
      (_, i) => new Origin(`${i} `.padEnd(limits.maxNameLength, 'x')),
    )
    const written = Array.from({ length: 30_000 }, (_, i) => ({ origin: origins[i % 200]!, number: i }))
    // Batches end at other places each time.
    for (let round = 0; round < 3; round++) {
      beginFill(5, written.slice(round))
      channel.mend(5, 1)
      channel.mendEnd(5, written.slice(round), () => undefined)
    }
    channel.flush()
    const [name, number] = [1, 2]
    const found = port.sent.flatMap((message) => {
      let origin: unknown
      const writes: [unknown, unknown][] = []
      for (let at = 4; at < message.length; at += arityOf(message[at])) {
        if (message[at] === ReplicaOp.ORIGIN) origin = message[at + name]
        if (message[at] === ReplicaOp.WRITTEN) writes.push([origin, message[at + number]])
      }
      return writes
    })
    const wanted = [0, 0, 1, 1, 2, 2].flatMap((from) => written.slice(from))
    assert.ok(port.sent.length > 30)
    assert.deepEqual(
      found,
      wanted.map(({ origin, number }) => [origin.id, number]),
    )
  })

  it('sends a long value ahead, keeps the order meanwhile, and sends it again on another link', () => {
    const long = Buffer.alloc(limits.chunkBytes + 1)
    channel.connected(port)
    channel.put(entry('long', 1, long), 0, pending(), undefined, 0)
    channel.flush()
    put(2)
    assert.deepEqual(port.numbers, [])
    const staged = { id: 7 }
    port.staging[0]!.ready(staged)
    assert.deepEqual(port.numbers, [1, 2])
    assert.deepEqual(port.sent[0]![8], staged)
    channel.disconnected()
    const again = new FakePort()
    channel.connected(again)
    assert.equal(again.staging[0]!.bytes, long)
    const anew = { id: 8 }
    again.staging[0]!.ready(anew)
    assert.deepEqual(again.numbers, [1, 2])
    assert.deepEqual(again.sent[0]![8], anew)
  })

  it('sends a long value again with what it has to live by then, and its number on that link', () => {
    const [idOf, ttlOf] = [8, 10]
    const send = (to: FakePort, id: number): unknown[] => {
      channel.connected(to)
      to.staging[0]!.ready({ id })
      return [to.sent[0]![idOf], to.sent[0]![ttlOf]]
    }
    channel.put(entry('long', 1, LONG, 1000), 100, pending(), undefined, 0)
    channel.flush()
    assert.deepEqual(send(port, 7), [{ id: 7 }, 900])
    channel.disconnected()
    channel.elapse(400)
    assert.deepEqual(send(new FakePort(), 0), [{ id: 0 }, 600])
  })

  it('sends two long values in a batch each, and what is put in between them with the first', () => {
    channel.connected(port)
    channel.put(entry('first', 1, LONG), 0, pending(), undefined, 0)
    channel.put(entry('short', 2), 0, pending(), undefined, 0)
    channel.fill(entry('second', 3, LONG), 0, undefined)
    channel.flush()
    for (const id of [0, 1]) port.staging[id]!.ready({ id })
    assert.equal(port.staging.length, 2)
    const header = [MessageType.KEY_VALUE_RESPONCE_BACK, 0, 0]
    assert.deepEqual(port.sent, [
      [
        ...[...header, 1],
        ...[ReplicaOp.PUT, 5, 1, 'first', { id: 0 }, 1, 0, 0],
        ...[ReplicaOp.PUT, 5, 2, 'short', 'v', 1, 0, 0],
      ],
      [...header, 2, ReplicaOp.FILL, 5, 3, 'second', { id: 1 }, 1, 0],
    ])
  })

  it('does not change what was sent when more is put in', () => {
    channel.connected(port)
    channel.put(entry('k', 1, 'v', 1000), 0, pending(), undefined, 0)
    channel.put(entry('long', 2, LONG, 1000), 0, pending(), undefined, 0)
    channel.flush()
    port.staging[0]!.ready({ id: 3 })
    const before = port.frames.map((frame) => Buffer.from(frame))
    assert.equal(before.length, 2)
    for (let seq = 3; seq < 40; seq++) {
      channel.elapse(seq)
      channel.fill(entry(`key ${seq}`, seq, 'x'.repeat(2 ** (seq % 17)), 2000), seq, undefined)
      channel.fill(entry('long', seq, LONG), seq, undefined)
      channel.flush()
      port.staging.at(-1)!.ready({ id: seq })
    }
    assert.ok(port.frames.length > 70)
    assert.deepEqual(port.frames.slice(0, 2), before)
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
    port.staging[0]!.ready({ id: 1 })
    assert.deepEqual([port.numbers, again.numbers], [[], []])
    again.staging[0]!.ready({ id: 1 })
    assert.deepEqual(again.numbers, [1])
  })

  it('sends what another topology ended though a few writes come after it in the same turn', () => {
    channel.connected(port)
    for (let seq = 1; seq <= 3; seq++) channel.put(entry('k', seq), 0, pending(), undefined, 0)
    channel.follow(3, 5)
    put(4)
    assert.deepEqual(port.numbers, [1])
    channel.acknowledge(1, acknowledged)
    channel.flush()
    assert.deepEqual(port.numbers, [1, 2])
  })

  describe('beside ten writes that are not acknowledged', () => {
    const puts = (count: number, firstSeq: number): void => {
      for (let seq = firstSeq; seq < firstSeq + count; seq++)
        channel.put(entry(`k${seq}`, seq), 0, pending(), undefined, 0)
    }

    beforeEach(() => {
      channel.connected(port)
      puts(10, 1)
      channel.flush()
      assert.deepEqual(port.numbers, [1])
    })

    it('lets one write wait, until there are five', () => {
      for (let seq = 11; seq <= 14; seq++) {
        put(seq)
        assert.deepEqual(port.numbers, [1])
      }
      put(15)
      assert.deepEqual(port.numbers, [1, 2])
      assert.equal((port.sent[1]!.length - 4) / 8, 5)
    })

    it('lets one write wait for nothing when it is long itself', () => {
      channel.put(entry('long', 11, Buffer.alloc(64 * 1024)), 0, pending(), undefined, 0)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
    })

    it('lets one write wait for an acknowledgement', () => {
      put(11)
      channel.acknowledge(1, acknowledged)
      assert.equal(done.length, 10)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
    })

    it('counts what is left when some of them are acknowledged', () => {
      puts(6, 11)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
      puts(2, 17)
      channel.flush()
      channel.acknowledge(1, acknowledged)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
      put(19)
      assert.deepEqual(port.numbers, [1, 2, 3])
    })

    it('tells when it has to be flushed again', () => {
      dirty.length = 0
      put(11)
      assert.deepEqual(dirty.splice(0), [channel])
      put(12)
      assert.deepEqual(dirty.splice(0), [channel])
      channel.acknowledge(1, acknowledged)
      assert.deepEqual(dirty, [channel])
    })

    it('sends copies at once, with what waits', () => {
      put(11)
      channel.fill(entry('copied', 12), 0, undefined)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
    })

    it('sends the beginning of a copy at once, with what waits', () => {
      put(11)
      beginFill(6)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
      put(12)
      channel.mend(6, 1)
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2, 3])
    })

    it('sends questions at once, with what waits', () => {
      put(11)
      channel.compare(5, 1, ['k'])
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
      channel.list(5, 2, true)
      put(12)
      assert.deepEqual(port.numbers, [1, 2, 3])
    })

    it('sends a long value at once, and before it what waits', () => {
      put(11)
      channel.put(entry('long', 12, Buffer.alloc(limits.chunkBytes + 1)), 0, pending(), undefined, 0)
      channel.flush()
      assert.deepEqual([port.numbers, port.staging.length], [[1, 2], 1])
      port.staging[0]!.ready({ id: 1 })
      assert.deepEqual(port.numbers, [1, 2, 3])
    })

    it('does not forget what waits when another topology comes', () => {
      put(11)
      dirty.length = 0
      channel.follow(3, 4)
      assert.deepEqual(dirty, [channel])
      channel.flush()
      assert.deepEqual(port.numbers, [1, 2])
    })

    it('sends what waits after a reconnect, once that acknowledges', () => {
      put(11)
      channel.disconnected()
      put(12)
      const again = new FakePort()
      channel.connected(again)
      channel.flush()
      assert.deepEqual(again.numbers, [1])
      channel.acknowledge(1, acknowledged)
      channel.flush()
      assert.deepEqual(again.numbers, [1, 2])
    })

    it('sends in the end what nobody waits for any more', () => {
      put(11)
      assert.equal(channel.takeWrites(() => true).length, 11)
      channel.acknowledge(1, acknowledged)
      channel.flush()
      assert.deepEqual([port.numbers, done], [[1, 2], []])
      channel.acknowledge(2, acknowledged)
      assert.equal(channel.bytesInFlight, 0)
      put(12)
      assert.deepEqual(port.numbers, [1, 2, 3])
    })
  })

  it('lets a write wait for a long value that goes ahead, and its acknowledgement', () => {
    channel.connected(port)
    channel.put(entry('long', 1, Buffer.alloc(limits.chunkBytes + 1)), 0, pending(), undefined, 0)
    for (let seq = 2; seq <= 9; seq++) channel.put(entry('k', seq), 0, pending(), undefined, 0)
    channel.flush()
    put(10)
    port.staging[0]!.ready({ id: 1 })
    assert.deepEqual(port.numbers, [1])
    channel.acknowledge(1, acknowledged)
    channel.flush()
    assert.deepEqual(port.numbers, [1, 2])
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
    const [repetition, other] = [pending(), new PendingWrite(6, 'k', false, undefined, 0, true)]
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
    const key = keyOf('漢'.repeat(limits.maxKeyBytes / 3))
    const texts = [limits.chunkBytes / 3, limits.softFrameBytes, 2 * limits.softFrameBytes, 1000].map(
      (length) => valueOf('漢'.repeat(length)),
    )
    for (let seq = 1; seq <= 40; seq++) {
      const value = entry(key, seq, texts[seq % 4])
      channel.put(value, 0, pending(), undefined, 0)
    }
    channel.flush()
    for (let at = 0; at < port.staging.length; at++) port.staging[at]!.ready({ id: at })
    // The last writes wait for that.
    channel.acknowledge(port.sent.length, acknowledged)
    channel.flush()
    assert.equal(
      port.sent.reduce((sum, message) => sum + (message.length - 4) / 8, 0),
      40,
    )
    for (const { length } of port.frames) assert.ok(length < limits.maxFrameBytes)
  })

  it('starts a new batch when one is large enough', () => {
    channel.connected(port)
    const value = valueOf('x'.repeat(200_000))
    for (let seq = 1; seq <= 12; seq++) channel.put(entry('k', seq, value), 0, pending(), undefined, 0)
    channel.flush()
    assert.ok(port.sent.length >= 2)
    const operations = port.sent.reduce((sum, message) => sum + (message.length - 4) / 8, 0)
    assert.equal(operations, 12)
  })
})
