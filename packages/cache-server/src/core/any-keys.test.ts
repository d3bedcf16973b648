// Keys that are no UTF-8: copied as all others are, but not to servers of earlier releases, which do not take them.
import {
  auditSlotsMessage,
  beginCommands,
  bytesOf,
  CommandCode,
  errorToWire,
  FrameWriter,
  isTextKey,
  keySlot,
  NONE,
  quoteKey as valueOf,
  readDataFrame,
  ValueKind,
  writeCommand,
  writeSet,
  type Key,
} from '@icf/common'
import { RecordingPort } from '@icf/testkit/recording-port'
import type { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { threeMembers, topologyOf, type Member } from './members.test.kit.js'

const slot = keySlot('key')
const TEXT = '{key}text'
const OTHERS = ['{key}\xff', '{key}\x00\x80\xff', '\xff{key}'] as const
const [OTHER] = OTHERS
const REFUSED = errorToWire('INVALID_KEY')

describe('keys that are no UTF-8', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member
  let id = 1000

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
  })

  const connect = (from: Member, to: Member, takeAnyKey: boolean): void =>
    from.connect(to, undefined, takeAnyKey)
  const adopt = (...topology: Parameters<typeof topologyOf>): void => {
    for (const { core } of [a, b, c]) core.adopt(topologyOf(...topology), 0)
    wires.run()
  }
  /** @returns the result, or the number of the error */
  const call = (on: Member, write: (writer: FrameWriter) => void): unknown => {
    const writer = new FrameWriter()
    const { epoch, version } = on.core.slots.topology
    beginCommands(writer, { epoch, version, firstId: ++id, nextNumber: id, settledBelow: 0 }, false)
    write(writer)
    on.core.clientData(
      on.client,
      readDataFrame(writer.finish(), () => undefined),
      0,
    )
    wires.run()
    const result = on.results.get(id)
    return Array.isArray(result) ? (result as unknown[])[1] : result
  }
  const set = (on: Member, key: Key, value: string): unknown =>
    call(on, (writer) => writeSet(writer, key, value, ValueKind.TEXT, 0, false))
  const ask = (on: Member, code: CommandCode, key: Key): unknown =>
    call(on, (writer) => writeCommand(writer, code, key))
  const has = ({ core }: Member, key: Key): unknown => core.store.peek(slot, key)?.value

  it('are copied, promoted, compared and removed as all others', () => {
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) connect(from, to, true)
    adopt(1, 0, 1)
    for (const key of [TEXT, ...OTHERS]) assert.equal(set(a, key, valueOf(key)), true)
    for (const key of [TEXT, ...OTHERS]) assert.equal(has(b, key), valueOf(key))
    b.core.store.remove(slot, OTHERS[1])
    b.core.store.put(new Entry('{key}\xfe', slot, 1, 'extra', 1, 0))
    a.core.masterMessage(new RecordingPort(), auditSlotsMessage({ epoch: 3, number: 7, slots: [slot] }), 0)
    wires.run()
    const found = a.differences.flatMap(([, , differences]) => differences)
    assert.deepEqual(found, [{ key: OTHERS[1], kind: 'missing' }, { key: '{key}\xfe', kind: 'extra' }]) // prettier-ignore
    assert.deepEqual([has(b, OTHERS[1]), has(b, '{key}\xfe')], [valueOf(OTHERS[1]), undefined])
    assert.equal(ask(a, CommandCode.DELETE, OTHER), true)
    assert.equal(has(b, OTHER), undefined)
    adopt(2, 0, 1, { to: 2, intent: 'backup', since: 2 })
    adopt(3, 0, 2)
    adopt(4, 2, NONE)
    assert.deepEqual([OTHER, OTHERS[1], TEXT].map((key) => ask(c, CommandCode.HAS, key)), [false, true, true]) // prettier-ignore
  })

  it('are left out of what is copied to a server of an earlier release, which gets all the rest', () => {
    connect(a, b, true)
    connect(a, c, false)
    adopt(1, 0, 1)
    for (const key of [TEXT, ...OTHERS]) set(a, key, valueOf(key))
    adopt(2, 0, 1, { to: 2, intent: 'backup', since: 2 })
    adopt(3, 0, 2)
    assert.equal(has(c, TEXT), valueOf(TEXT))
    assert.deepEqual(OTHERS.map((key) => has(c, key)), OTHERS.map(() => undefined)) // prettier-ignore
    // What is there is found and removed; nothing new is stored.
    assert.deepEqual([ask(a, CommandCode.GET, OTHER), set(a, OTHER, 'new')], [valueOf(OTHER), REFUSED])
    assert.equal(ask(a, CommandCode.DELETE, OTHER), true)
    assert.equal(set(a, TEXT, 'after'), true)
    assert.deepEqual([has(c, TEXT), c.core.slots.seq[slot]], ['after', a.core.slots.seq[slot]])
    assert.deepEqual([a.mended, c.reconnects], [[], []], 'to which no write is lacking')
    assert.deepEqual(
      [...c.core.store.keysOf(slot)].filter((key) => !isTextKey(key)),
      [],
    )
    adopt(4, 2, NONE)
    assert.deepEqual([c.get(TEXT), ask(c, CommandCode.GET, OTHERS[1])], ['after', null])
  })

  it('are not named to one of an earlier release, neither by who asks nor by who is asked', () => {
    connect(a, b, false)
    adopt(1, 0, 1)
    set(a, TEXT, 'value')
    for (const { core } of [a, b]) core.store.put(new Entry(OTHER, slot, 1, 'value', 1, 0))
    for (const key of ['{key}extra', '{key}\xfe']) b.core.store.put(new Entry(key, slot, 1, 'extra', 1, 0))
    a.core.masterMessage(new RecordingPort(), auditSlotsMessage({ epoch: 3, number: 7, slots: [slot] }), 0)
    wires.run()
    const found = a.differences.flatMap(([, , differences]) => differences)
    assert.deepEqual(found, [{ key: '{key}extra', kind: 'extra' }])
  })

  it('wait until the other copy has said of which release it is', () => {
    adopt(1, 0, 1)
    assert.equal(set(a, OTHER, 'value'), undefined)
    connect(a, b, true)
    wires.run()
    assert.deepEqual([a.results.get(id), has(b, OTHER)], [true, 'value'])
    adopt(2, 0, 2)
    assert.equal(set(a, OTHER, 'newer'), undefined)
    adopt(3, 0, NONE)
    assert.deepEqual([a.results.get(id), has(a, OTHER)], [true, 'newer'])
  })

  it('are what they are called here', () => {
    for (const key of OTHERS) assert.deepEqual([keySlot(key), isUtf8(bytesOf(key))], [slot, false])
  })
})
