// What a primary finds when it compares its slots with their backups.
import { auditSlotsMessage, CommandCode, keySlot, MessageType, NONE, type Message } from '@icf/common'
import { RecordingPort } from '@icf/testkit/recording-port'
import type { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { threeMembers, topologyOf, type Member } from './members.test.kit.js'

const slot = keySlot('key')
const other = keySlot('other')
const KEYS = 600

describe('an audit', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member
  let master: RecordingPort

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    master = new RecordingPort()
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
    for (const { core } of [a, b, c]) core.adopt(topologyOf(1, 0, 1), 0)
    for (let i = 0; i < KEYS; i++) a.set(`{key}${i}`, `value ${i}`)
    a.set('other', 'value')
    wires.run()
  })

  const begin = (...slots: number[]): void => {
    a.core.masterMessage(master, auditSlotsMessage({ epoch: 3, number: 7, slots }), 0)
  }

  /** @returns what the master is told */
  const audit = (...slots: number[]): Message => {
    begin(...slots)
    wires.run()
    return master.sent.at(-1)!
  }

  const told = (slots: number[], missing = 0, extra = 0, different = 0, unmended = 0): Message => [
    MessageType.SLOTS_AUDITED, 3, 7, slots, missing, extra, different, unmended,
  ] // prettier-ignore

  const contents = ({ core }: Member): string[] =>
    [...core.store.keysOf(slot)]
      .sort()
      .map((key) => `${key} ${core.store.peek(slot, key)!.seq} ${String(core.store.peek(slot, key)!.value)}`)

  /** As if the backup had kept an old value. */
  const falsify = (key: string, value: string, seq = b.core.store.peek(slot, key)!.seq): number =>
    b.core.store.put(new Entry(key, slot, seq, value, 1, 0))

  it('finds nothing where nothing differs, also in slots without any key', () => {
    const empty = keySlot('nothing')
    const [, , , slots, ...figures] = audit(slot, other, empty)
    assert.deepEqual([new Set(slots as number[]), figures], [new Set([slot, other, empty]), [0, 0, 0, 0]])
    assert.deepEqual(a.differences, [])
  })

  it('finds what the backup lacks, and sends it again', () => {
    for (const i of [3, 300, 599]) b.core.store.remove(slot, `{key}${i}`)
    assert.deepEqual(audit(slot), told([slot], 3))
    assert.deepEqual(contents(b), contents(a))
    const found = [3, 300, 599].map((i) => ({ key: `{key}${i}`, kind: 'missing' }))
    assert.deepEqual(a.differences.flatMap(([, , differences]) => differences), found) // prettier-ignore
  })

  it('finds what the backup has and the primary has not, and removes it', () => {
    for (let i = 0; i < 2000; i++) falsify(`{key}extra${i}`, 'old', 1)
    assert.deepEqual(audit(slot), told([slot], 0, 2000))
    assert.deepEqual(contents(b), contents(a))
  })

  it('finds another value, another version, and an expiry that is only on one side', () => {
    falsify('{key}1', 'VALUE 1')
    falsify('{key}2', 'value 2', 1)
    const { seq, value } = b.core.store.peek(slot, '{key}3')!
    b.core.store.put(new Entry('{key}3', slot, seq, value, 1, 5000))
    assert.deepEqual(audit(slot), told([slot], 0, 0, 3))
    assert.deepEqual(contents(b), contents(a))
    assert.equal(b.core.store.peek(slot, '{key}3')!.expiresAt, 0)
  })

  it('finds one key missing and another extra, though their number is right', () => {
    b.core.store.remove(slot, '{key}5')
    falsify('{key}extra', 'old', 1)
    assert.deepEqual(audit(slot), told([slot], 1, 1))
    assert.deepEqual(contents(b), contents(a))
  })

  it('says so when a key differs again after it was sent anew', () => {
    const { store } = b.core
    const put = store.put.bind(store)
    store.put = (entry) => (entry.key === '{key}9' ? 0 : put(entry))
    falsify('{key}8', 'old', 1)
    store.remove(slot, '{key}9')
    assert.deepEqual(audit(slot), told([slot], 1, 0, 1, 1))
  })

  it('takes no write for a difference that comes while it goes on', () => {
    begin(slot)
    let steps = 0
    for (; master.sent.length === 0; steps++) {
      a.set(`{key}${(steps * 37) % KEYS}`, `new ${steps}`)
      a.set(`{key}another${steps}`, 'new')
      a.command(CommandCode.DELETE, `{key}${(steps * 53) % KEYS}`)
      wires.step()
      assert.ok(steps < 1000)
    }
    wires.run()
    assert.ok(steps > 3)
    assert.deepEqual(master.sent, [told([slot])])
    assert.deepEqual(contents(b), contents(a))
  })

  it('never undoes a write by what it mends', () => {
    b.core.store.remove(slot, '{key}1')
    b.core.store.remove(slot, '{key}2')
    falsify('{key}extra', 'old', 1)
    begin(slot)
    a.core.flush(() => 0)
    a.set('{key}1', 'newest')
    a.command(CommandCode.DELETE, '{key}2')
    a.set('{key}extra', 'newest')
    wires.run()
    assert.deepEqual(contents(b), contents(a))
    assert.equal(a.get('{key}1'), 'newest')
    assert.equal(a.get('{key}2'), null)
    assert.equal(a.get('{key}extra'), 'newest')
  })

  it('makes checksums of long values in pieces', () => {
    const value = Buffer.alloc(5 * 1024 * 1024, 1)
    for (const { core } of [a, b]) core.store.put(new Entry('{key}long', slot, 1, Buffer.from(value), 0, 0))
    assert.deepEqual(audit(slot), told([slot]))
    const wrong = Buffer.from(value)
    wrong[value.length - 1] = 2
    b.core.store.put(new Entry('{key}long', slot, 1, wrong, 0, 0))
    assert.deepEqual(audit(slot), told([slot], 0, 0, 1))
  })

  it('keeps few long values at a time for their checksums, which may be overwritten meanwhile', () => {
    const value = Buffer.alloc(1024 * 1024, 1)
    for (let i = 0; i < 20; i++)
      for (const { core } of [a, b]) core.store.put(new Entry(`{key}long${i}`, slot, 1, value, 0, 0))
    const channel = a.core.slots.backup[slot]!
    const compare = channel.compare.bind(channel)
    const asked: number[] = []
    channel.compare = (of, question, keys) => {
      asked.push(keys.filter((key) => key.includes('long')).length)
      compare(of, question, keys)
    }
    assert.deepEqual(audit(slot), told([slot]))
    assert.ok(Math.max(...asked) <= 4, `asked for ${String(asked)} at a time`)
  })

  it('passes over what can not be compared: no backup, or one that knows nothing of audits', () => {
    a.core.adopt(topologyOf(2, 0, NONE), 0)
    assert.deepEqual(audit(slot), told([]))
    a.core.adopt(topologyOf(3, 0, 2), 0)
    a.core.peerConnected(c.core.id, new RecordingPort())
    assert.deepEqual(audit(slot), told([]))
  })

  it('passes over a slot that moves meanwhile', () => {
    begin(slot, other)
    a.core.flush(() => 0)
    for (const { core } of [a, b, c]) core.adopt(topologyOf(2, 1, 0), 0)
    wires.run()
    assert.deepEqual(master.sent, [told([])])
  })

  it('passes over a slot whose backup is another one meanwhile', () => {
    begin(slot)
    a.core.flush(() => 0)
    for (const { core } of [a, b, c]) core.adopt(topologyOf(2, 0, 2), 0)
    wires.run()
    assert.deepEqual(master.sent, [told([])])
  })

  it('passes over a slot when the link breaks', () => {
    begin(slot)
    a.core.flush(() => 0)
    a.disconnect(b)
    a.core.peerLost(b.core.id)
    wires.run()
    a.core.work(0)
    wires.run()
    a.connect(b)
    wires.run()
    assert.deepEqual(master.sent, [told([])])
    assert.deepEqual(audit(slot), told([slot]))
  })

  it('passes over a backup that lacks a write, which is mended as a whole', () => {
    b.core.slots.seq[slot]!--
    a.set('{key}1', 'new')
    assert.deepEqual(audit(slot), told([]))
    assert.deepEqual(audit(slot), told([slot]))
  })

  it('does not count what the backup evicted by itself', () => {
    b.core.store.remove(slot, '{key}5')
    b.core.slots.part(slot)
    assert.deepEqual(audit(slot), told([slot]))
  })

  it('is over when another one is asked for', () => {
    begin(slot)
    a.core.flush(() => 0)
    a.core.masterMessage(master, auditSlotsMessage({ epoch: 3, number: 8, slots: [other] }), 0)
    wires.run()
    assert.deepEqual(master.sent, [[MessageType.SLOTS_AUDITED, 3, 8, [other], 0, 0, 0, 0]])
  })

  it('goes on when what an earlier master had asked for comes late', () => {
    const late = new RecordingPort()
    begin(slot)
    a.core.flush(() => 0)
    a.core.masterMessage(late, auditSlotsMessage({ epoch: 2, number: 9, slots: [other] }), 0)
    wires.run()
    assert.deepEqual(master.sent, [told([slot])])
    assert.deepEqual(late.sent, [])
  })
})
