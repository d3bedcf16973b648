import {
  beginBatch,
  FrameWriter,
  keyOf,
  keySlot,
  limits,
  MessageType,
  readDataFrame,
  ReplicaOp,
  topologyRequest,
  ValueKind,
  writeComparison,
  writeEntry,
  writeOperation,
  writeRemoval,
  type FrameReader,
  type Message,
} from '@icf/common'
import { dataOf, withMore } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { ReplicaIntake } from './replica-intake.js'
import { Held, SlotTable } from './slot-table.js'
import { Store } from './store.js'

const SLOTS = 2
const BUDGET_BYTES = 80_000
/** By slot. */
const KEYS = ['key 0', 'key 1']

/** A batch that no array can say. */
function framed(
  { number = 1, ahead }: { number?: number; ahead?: Uint8Array },
  write: (writer: FrameWriter) => void,
): FrameReader {
  const writer = new FrameWriter()
  beginBatch(writer, { epoch: 1, version: 5, number }, ahead !== undefined)
  write(writer)
  return readDataFrame(writer.finish(), () => ahead)
}

describe('what takes the batches of primaries', () => {
  let slots: SlotTable
  let store: Store
  let intake: ReplicaIntake
  let port: RecordingPort
  let reconnects: string[]
  let storedCount: number

  /** With primaries `a` and `b` of a slot each, and this server as the backup of both. */
  const follow = (version: number): void => {
    slots.topology = topologyWith({
      slotCount: SLOTS,
      version,
      servers: [serverInfo('a'), serverInfo('b'), serverInfo('self')],
      primary: (slot) => slot,
      backup: 2,
    })
    slots.held.fill(Held.BACKUP)
    intake.topologyChanged()
  }

  beforeEach(() => {
    slots = new SlotTable(SLOTS)
    store = new Store(BUDGET_BYTES, SLOTS)
    reconnects = []
    storedCount = 0
    intake = new ReplicaIntake(
      slots,
      store,
      () => storedCount++,
      (id) => reconnects.push(id),
    )
    follow(5)
    port = new RecordingPort()
    intake.connected('a', 1, port)
  })

  const put = (seq: number, text = 'v', slot = 0): unknown[] =>
    [ReplicaOp.PUT, slot, seq, KEYS[slot], text, 1, 0, 0] // prettier-ignore
  const batch = (number: number, operations: unknown[], version: number): FrameReader =>
    dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 1, version, number, ...operations])
  const send = (number: number, operations: unknown[], { version = 5, from = 'a', on = port } = {}): void =>
    intake.receive(from, on, batch(number, operations, version), 0)
  const ack = (number: number, version: number, ...refused: number[]): Message => [
    ...[MessageType.BACK_ACK, number, 1, version, refused],
  ]
  const value = (slot = 0): unknown => store.peek(slot, KEYS[slot]!)?.value

  it('stores each batch once, however often it comes, and acknowledges the last one once a turn', () => {
    for (const number of [1, 2]) send(number, put(number, `value ${number}`))
    intake.flush()
    send(2, put(2, 'again'))
    intake.flush()
    intake.flush()
    assert.deepEqual([value(), storedCount], ['value 2', 2])
    assert.deepEqual(port.sent, [ack(2, 5), ack(2, 5)])
  })

  it('refuses a write that came out of turn, and all after it, of that slot alone', () => {
    const both = topologyWith({ ...slots.topology, slotCount: SLOTS, primary: 0, backup: 2 })
    slots.topology = both
    send(1, [...put(1, 'first'), ...put(3, 'gap'), ...put(1, 'other', 1)])
    send(2, put(2, 'late'))
    send(3, put(2, 'next', 1))
    intake.flush()
    assert.deepEqual([value(), value(1)], ['first', 'next'])
    // What was refused of one batch is said before the next one says anything.
    assert.deepEqual(port.sent, [ack(1, 5, 0), ack(2, 5, 0), ack(3, 5)])
  })

  it('refuses what is not from the primary, or of a time before this copy', () => {
    send(1, put(1, 'not its own', 1))
    slots.copySince[0] = 5
    send(2, put(1, 'of an earlier copy'), { version: 4 })
    send(3, put(1, 'v'))
    intake.flush()
    assert.deepEqual([value(), value(1)], ['v', undefined])
    assert.deepEqual(port.sent, [ack(1, 5, 1), ack(2, 5, 0), ack(3, 5)])
  })

  it('goes on where it was on another link of the same channel, and from the start on that of another', () => {
    send(1, put(1, 'first'))
    const again = new RecordingPort()
    intake.connected('a', 1, again)
    send(2, put(2, 'nobody has this link any more'))
    send(1, put(1, 'sent again'), { on: again })
    intake.disconnected('a', port)
    intake.flush()
    assert.deepEqual([value(), port.sent, again.sent], ['first', [], [ack(1, 5)]])
    const other = new RecordingPort()
    intake.connected('a', 2, other)
    send(1, put(2, 'of the other'), { on: other })
    assert.equal(value(), 'of the other')
  })

  it('keeps what is early in order, asking for the topology once, and stores it when that comes', () => {
    send(1, put(1, 'early'), { version: 6 })
    send(2, put(2, 'in turn'))
    assert.deepEqual([value(), port.sent], [undefined, [topologyRequest]])
    follow(6)
    intake.flush()
    assert.equal(value(), 'in turn')
    assert.deepEqual(port.sent.slice(1), [ack(2, 6)])
  })

  it('keeps no more than a share of the memory for all that is early, and lets who sent more connect anew', () => {
    const other = new RecordingPort()
    intake.connected('b', 1, other)
    send(1, put(1, 'x'.repeat(6000)), { version: 6 })
    send(1, put(1, 'x'.repeat(6000), 1), { version: 6, from: 'b', on: other })
    send(2, put(2, 'small', 1), { version: 6, from: 'b', on: other })
    send(2, put(2, 'small'), { version: 6 })
    follow(6)
    assert.deepEqual([value(), value(1)], ['small', undefined])
    assert.deepEqual(reconnects, ['b'])
    intake.connected('b', 1, other)
    // The share is free again.
    send(3, put(3, 'x'.repeat(6000)), { version: 7 })
    follow(7)
    assert.equal(String(value()).length, 6000)
    assert.deepEqual(reconnects, ['b'])
  })

  it('says what is wrong with an early batch to its sender, as soon as that sends more', () => {
    const other = new RecordingPort()
    intake.connected('b', 1, other)
    intake.receive('a', port, withMore(batch(1, [], 6), 99), 0)
    send(2, put(1), { version: 6 })
    send(1, put(1, 'v', 1), { version: 6, from: 'b', on: other })
    follow(6)
    assert.deepEqual([value(), value(1)], [undefined, 'v'])
    assert.throws(() => send(3, put(1)), { code: 'PROTOCOL' })
  })

  describe('takes keys of any bytes:', () => {
    const kinds: readonly [string, Buffer][] = [
      ['one that UTF-8 never has', Buffer.from([0xff])],
      ['as many of them as a key may have', Buffer.alloc(limits.maxKeyBytes, 0xff)],
      ['a character that is cut off', Buffer.from('k😀').subarray(0, 4)],
      ['all values', Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte))],
      ['the replacement character', Buffer.from('a\ufffdb')],
    ]
    const { PUT, FILL, REMOVE } = ReplicaOp
    for (const [what, bytes] of kinds)
      it(what, () => {
        slots.topology = topologyWith({ ...slots.topology, slotCount: SLOTS, primary: 0, backup: 2 })
        const key = keyOf(bytes)
        const slot = keySlot(key, SLOTS)
        // What it would be, read as text.
        const text = bytes.toString()
        const other = keyOf(text)
        const isOther = other !== key && keySlot(other, SLOTS) === slot && other.length <= limits.maxKeyBytes
        if (isOther) send(1, [PUT, slot, 1, text, 'of the other', 1, 0, 0])
        const values: unknown[] = []
        for (const [at, op] of [PUT, REMOVE, FILL].entries()) {
          const seq = slots.seq[slot]! + (op === FILL ? 0 : 1)
          const batch = framed({ number: 2 + at }, (writer) => {
            if (op === REMOVE) return writeRemoval(writer, slot, seq, key, 0)
            writeEntry(writer, op, { slot, seq, key, value: `v${op}`, kind: ValueKind.TEXT }, 0, false)
            if (op === PUT) writer.count(0)
          })
          intake.receive('a', port, batch, 0)
          values.push(store.peek(slot, key)?.value)
        }
        assert.deepEqual(values, [`v${PUT}`, undefined, `v${FILL}`])
        if (isOther) assert.equal(store.peek(slot, other)?.value, 'of the other')
      })
  })

  it('stores a short value that was sent ahead as if it stood in the batch', () => {
    const fields = { slot: 0, seq: 1, key: KEYS[0]!, value: '', kind: ValueKind.BYTES }
    const batch = framed({ ahead: Buffer.from('short\xff', 'latin1') }, (writer) =>
      writeEntry(writer, ReplicaOp.FILL, fields, 0, true),
    )
    intake.receive('a', port, batch, 0)
    assert.equal(value(), 'short\xff')
  })

  it('counts what early batches take beside their bytes, also empty ones', () => {
    const count = 100
    for (let number = 1; number <= count; number++) send(number, [], { version: 6 })
    follow(6)
    intake.flush()
    const stored = port.sent.at(-1)![1] as number
    assert.ok(stored > 5 && stored < 30, String(stored))
    assert.deepEqual(reconnects, ['a'])
    // Their room is free again.
    intake.connected('a', 1, port)
    for (let number = stored + 1; number <= 2 * stored; number++) send(number, [], { version: 7 })
    follow(7)
    intake.flush()
    assert.equal(port.sent.at(-1)![1], 2 * stored)
    assert.deepEqual(reconnects, ['a'])
  })

  it('keeps early batches in memory that is theirs', () => {
    const early = batch(1, put(1, 'early'), 6)
    intake.receive('a', port, early, 0)
    early.bytes.fill(0)
    follow(6)
    assert.equal(value(), 'early')
  })

  describe('refuses a batch', () => {
    const compare = (writer: FrameWriter, keys: number): void =>
      writeComparison(writer, 0, 1, Array.from({ length: keys }, () => KEYS[0]!)) // prettier-ignore
    const receive = (number: number, write: (writer: FrameWriter) => void): void =>
      intake.receive('a', port, framed({ number }, write), 0)

    it('that compares more keys at once than it may', () => {
      receive(1, (writer) => compare(writer, limits.maxComparedKeys))
      assert.throws(() => receive(2, (writer) => compare(writer, limits.maxComparedKeys + 1)), {
        code: 'PROTOCOL',
        message: /number of keys of COMPARE/,
      })
    })

    it('with more operations than it may have', () => {
      const operations = (count: number) => (writer: FrameWriter) => {
        for (let i = 0; i < count; i++) writeOperation(writer, ReplicaOp.LIST, 0, 1, 1)
      }
      receive(1, operations(limits.maxOperationsPerBatch))
      assert.throws(() => receive(2, operations(limits.maxOperationsPerBatch + 1)), {
        code: 'PROTOCOL',
        message: /operations/,
      })
    })

    it('with more operations, each key that is compared counted as one, than it may have', () => {
      const perQuestion = 1 + limits.maxComparedKeys
      const questions = Math.floor(limits.maxOperationsPerBatch / perQuestion)
      const rest = limits.maxOperationsPerBatch - questions * perQuestion - 1
      const comparisons = (more: number) => (writer: FrameWriter) => {
        for (let i = 0; i < questions; i++) compare(writer, limits.maxComparedKeys)
        compare(writer, rest + more)
      }
      receive(1, comparisons(0))
      assert.throws(() => receive(2, comparisons(1)), { code: 'PROTOCOL', message: /operations/ })
    })
  })
})
