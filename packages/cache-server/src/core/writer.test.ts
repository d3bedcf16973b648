import { ReplicaOp } from '@icf/common'
import { resultsOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { ClientSession } from './client-session.js'
import { costOf, Entry } from './entry.js'
import { ReplicaChannel } from './replica-channel.js'
import { Held, Serving, SlotTable } from './slot-table.js'
import { Store } from './store.js'
import { WriteLedger } from './write-ledger.js'
import { Writer } from './writer.js'

const SLOTS = 4
const VALUE = 'x'.repeat(1000)
/** Nine entries have room, ten have not. */
const BUDGET_BYTES = 9.5 * costOf('key 1', VALUE)

describe('a writer', () => {
  let slots: SlotTable
  let store: Store
  let ledger: WriteLedger
  let writer: Writer
  let client: ClientSession
  let answers: RecordingPort
  let backup: ReplicaChannel
  let copy: ReplicaChannel
  let toBackup: RecordingPort
  let toCopy: RecordingPort

  /** This server serves slots 0 and 1; slot 0 has a backup, and a copy is being made of it. Of slot 2 it is the backup. */
  beforeEach(() => {
    slots = new SlotTable(SLOTS)
    store = new Store(BUDGET_BYTES, SLOTS)
    ledger = new WriteLedger(slots, store, { drained: () => undefined, abandoned: () => null })
    writer = new Writer(slots, store, ledger)
    answers = new RecordingPort()
    client = new ClientSession(answers, '', [])
    backup = new ReplicaChannel('backup', 1, [])
    copy = new ReplicaChannel('copy', 2, [])
    toBackup = new RecordingPort()
    toCopy = new RecordingPort()
    backup.connected(toBackup)
    copy.connected(toCopy)
    for (const slot of [0, 1]) {
      slots.serving[slot] = Serving.YES
      slots.held[slot] = Held.PRIMARY
      store.setRole(slot, 'primary')
    }
    slots.backup[0] = backup
    slots.copy[0] = copy
    slots.held[2] = Held.BACKUP
  })

  const put = (id: number, slot: number, key: string, ackPrimary = false): void =>
    writer.put(client, id, 0, slot, key, VALUE, 1, 0, ackPrimary, 0)
  const answered = (): number[] => {
    client.flush()
    return answers.sent.flatMap(resultsOf).map(([id]) => id)
  }
  const acknowledge = (channel: ReplicaChannel): void => {
    channel.flush()
    channel.acknowledge(channel.nextNumber - 1, ledger.acknowledged)
  }
  /** Operations and keys that were sent, in order. */
  const sent = (port: RecordingPort): unknown[] => {
    for (const channel of [backup, copy]) channel.flush()
    return port.sent.flatMap((message) =>
      message.flatMap((field, at) => (typeof field === 'string' && field !== VALUE ? [[message[at - 3], field]] : [])),
    ) // prettier-ignore
  }
  const keys = (slot: number): string[] => [...store.keysOf(slot)]

  it('answers when both copies have it, or at once when the client or nobody else is to wait', () => {
    put(1, 0, 'safe')
    put(2, 0, 'at once', true)
    put(3, 1, 'alone')
    assert.deepEqual(answered(), [2, 3])
    acknowledge(backup)
    assert.deepEqual(answered(), [2, 3])
    acknowledge(copy)
    assert.deepEqual(answered(), [2, 3, 1])
    assert.ok(ledger.isEmpty)
  })

  it('makes room before it writes, so that the copies have room, too', () => {
    for (let n = 1; n <= 10; n++) put(n, 0, `key ${n}`)
    const expected: unknown[] = Array.from({ length: 9 }, (_, n) => [ReplicaOp.PUT, `key ${n + 1}`])
    expected.push([ReplicaOp.REMOVE, 'key 1'], [ReplicaOp.PUT, 'key 10'])
    assert.deepEqual(sent(toBackup), expected)
    assert.deepEqual(sent(toCopy), expected)
    assert.deepEqual([writer.evictions, store.isOverBudget(0)], [1, false])
  })

  it('lets who asks for what was evicted wait for the copies to hear of that', () => {
    for (let n = 1; n <= 10; n++) put(n, 0, `key ${n}`)
    assert.notEqual(writer.removalOf(0, 'key 1'), undefined)
    assert.equal(writer.removalOf(0, 'key 2'), undefined)
    for (const channel of [backup, copy]) acknowledge(channel)
    assert.equal(writer.removalOf(0, 'key 1'), undefined)
  })

  it('evicts nothing of a parked slot, whose copies count as complete, and finds what else there is', () => {
    put(1, 0, 'parked')
    for (let n = 2; n <= 9; n++) put(n, 1, `key ${n}`)
    slots.park(0)
    put(10, 1, 'key 10')
    assert.deepEqual([keys(0), keys(1).length, keys(1).includes('key 2')], [['parked'], 8, false])
  })

  it('counts and notes what it evicts of a backup by itself, and tells nobody', () => {
    slots.serving.fill(Serving.NO)
    slots.held.fill(Held.BACKUP)
    for (let slot = 0; slot < SLOTS; slot++) store.setRole(slot, 'backup')
    for (let n = 1; n <= 12; n++) {
      store.put(new Entry(`key ${n}`, 2, n, VALUE, 1, 0))
      writer.enforceBudget()
    }
    assert.deepEqual([writer.evictions, writer.backupEvictions], [0, 2])
    assert.deepEqual([...slots.parted], [0, 0, 1, 0])
    assert.deepEqual([...sent(toBackup), ...sent(toCopy)], [])
  })

  it('removes from the copies what is missing in a slot that has parted from them, before it says so', () => {
    slots.part(0)
    const removal = writer.removalOf(0, 'evicted here')
    assert.notEqual(removal, undefined)
    assert.equal(writer.removalOf(0, 'evicted here'), removal)
    for (const port of [toBackup, toCopy]) assert.deepEqual(sent(port), [[ReplicaOp.REMOVE, 'evicted here']])
    put(1, 0, 'evicted here')
    assert.equal(ledger.removalOf('evicted here'), undefined)
  })
})
