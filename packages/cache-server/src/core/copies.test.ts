// What does not belong to the copy of a slot must not be taken for a part of it.
import { CommandCode, keySlot, MessageType, NONE, ReplicaOp, type Message, type Topology } from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import type { Wires } from '@icf/testkit/wires'
import { transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { threeMembers, topologyOf, type Member } from './members.test.kit.js'

describe('a copy of a slot', () => {
  const slot = keySlot('key')
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    a.connect(c)
  })

  const adopt = (topology: Topology, ...members: Member[]): void => {
    for (const { core } of members) {
      core.adopt(topology, 0)
      core.work(0)
    }
    wires.run()
  }

  it('has nothing of an earlier copy that was not completed', () => {
    adopt(topologyOf(1, 0, NONE), a)
    a.set('key', 'value')
    adopt(topologyOf(2, 0, NONE, { to: 2, intent: 'backup', since: 2 }), a, c)
    assert.ok(c.core.store.peek(slot, 'key'))
    adopt(topologyOf(4, 0, NONE, { to: 2, intent: 'backup', since: 4 }), c)
    assert.equal(c.core.store.peek(slot, 'key'), undefined)
  })

  it('has nothing of the time when it was the primary', () => {
    adopt(topologyOf(1, 2, NONE), c)
    c.set('key', 'value')
    adopt(topologyOf(3, 0, NONE, { to: 2, intent: 'backup', since: 3 }), c)
    assert.equal(c.core.store.peek(slot, 'key'), undefined)
  })

  it('is not ended by what its primary sent when it was the primary before', () => {
    a.disconnect(c)
    for (const [from, to] of [[a, b], [b, a], [b, c]] as const) from.connect(to) // prettier-ignore
    adopt(topologyOf(1, 0, 1, { to: 2, intent: 'backup', since: 1 }), a, b, c)
    a.set('key', 'old')
    wires.run()
    adopt(topologyOf(2, 1, NONE, { to: 2, intent: 'backup', since: 2 }), a, b, c)
    b.set('key', 'value')
    adopt(topologyOf(3, 1, 2), a, b, c)
    adopt(topologyOf(4, 1, 2, { to: 0, intent: 'primary', since: 4 }), a, b, c)
    adopt(topologyOf(5, 0, 2), a, b, c)
    assert.equal(c.core.store.peek(slot, 'key')?.value, 'value')
    // What was said of the first copy comes now.
    a.connect(c)
    wires.run()
    assert.equal(c.core.store.peek(slot, 'key')?.value, 'value')
    assert.equal(a.ask(CommandCode.SET, 'key', 'new', 1, 0, 0), true)
    assert.equal(c.core.store.peek(slot, 'key')?.value, 'new')
  })

  it('is made anew for a server that lost it and got it again before its primary heard of either', () => {
    adopt(topologyOf(1, 0, 2), a, c)
    adopt(topologyOf(2, 0, NONE), c)
    const refused = a.set('key', 'first')
    wires.step()
    wires.step()
    c.core.adopt(topologyOf(3, 0, NONE, { to: 2, intent: 'backup', since: 3 }), 0)
    const second = a.set('{key}2', 'second')
    wires.run()
    assert.equal(a.core.slots.topology.version, 3)
    assert.deepEqual([a.results.get(refused), a.results.get(second)], [true, true])
    assert.equal(c.core.store.peek(slot, 'key')?.value, 'first')
    assert.equal(c.core.store.peek(slot, '{key}2')?.value, 'second')
  })

  /** What c answers to batches from a. */
  const rawPort = (): { sent: Message[]; send: (...batch: unknown[]) => void } => {
    const port = new RecordingPort()
    c.core.primaryConnected(a.core.id, 77, port)
    const send = (...batch: unknown[]): void =>
      c.core.primaryData(a.core.id, port, dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 1, ...batch]), 0)
    return { sent: port.sent, send }
  }
  const put = (of: number, seq: number): unknown[] => [ReplicaOp.PUT, of, seq, keyOf(of, seq), 'v', 1, 0, 0]
  const ack = (number: number, ...refused: number[]): unknown[] => [
    MessageType.BACK_ACK,
    number,
    1,
    2,
    refused,
  ]

  it('takes no more of a slot of which a write is missing, until it is begun anew', () => {
    adopt(topologyOf(2, 0, NONE, { to: 2, intent: 'backup', since: 2 }), c)
    const { sent, send } = rawPort()
    send(2, 1, ReplicaOp.FILL_BEGIN, 1, 0, 2, ...put(1, 1))
    send(2, 2, ...put(1, 3), ...put(2, 1))
    send(2, 3, ...put(1, 2), ReplicaOp.FILL_END, 1)
    send(2, 4, ReplicaOp.FILL_BEGIN, 1, 5, 2, ...put(1, 6))
    c.core.flush(() => 0)
    assert.deepEqual(sent, [ack(2, 1), ack(3, 1), ack(4)])
    assert.deepEqual([...c.core.store.keysOf(1)], [keyOf(1, 6)])
    assert.deepEqual([...c.core.store.keysOf(2)], [keyOf(2, 1)])
  })

  it('is made anew when it turns out to lack a write, and only then counts as complete', () => {
    const move = { to: 2, intent: 'backup', since: 2 } as const
    adopt({ ...topologyOf(1, 0, NONE) }, a, c)
    for (let i = 0; i < 100; i++) a.set(`{key}${i}`, 'x'.repeat(10_000))
    wires.run()
    const topology = { ...topologyOf(2, 0, NONE), transitions: transitionsOf([[slot, move]]) }
    c.core.adopt(topology, 0)
    a.core.adopt(topology, 0)
    a.core.flush(() => 0)
    wires.step()
    assert.equal(c.core.slots.seq[slot], 100)
    c.core.slots.seq[slot] = 99
    const ids = [a.set('{key}7', 'new'), a.command(CommandCode.DELETE, '{key}8'), a.set('other', 'value')]
    wires.run()
    assert.deepEqual(ids.map((id) => a.results.get(id)), [true, true, true]) // prettier-ignore
    assert.equal(a.toMaster.filter(([type]) => type === MessageType.SLOTS_COPIED).length, 1)
    assert.deepEqual([...c.core.store.keysOf(slot)].sort(), [...a.core.store.keysOf(slot)].sort())
    assert.equal(c.core.store.peek(slot, '{key}7')?.value, 'new')
    assert.equal(a.ask(CommandCode.SET, '{key}9', 'later', 1, 0, 0), true)
  })

  it('has an entry for as long as was said when it came, though it waited for a topology', () => {
    adopt(topologyOf(1, 0, 2), c)
    const { send } = rawPort()
    send(2, 1, ReplicaOp.PUT, slot, 1, 'key', 'value', 1, 1000, 0)
    c.core.adopt(topologyOf(2, 0, 2), 300)
    assert.equal(c.core.store.peek(slot, 'key')?.expiresAt, 1000)
  })

  it('says what is wrong with a batch that waited to nobody but its sender', () => {
    adopt(topologyOf(1, 0, 2), c)
    const { send } = rawPort()
    send(2, 1, ReplicaOp.PARTED, 16_384)
    send(2, 2, ...put(1, 1))
    c.core.adopt(topologyOf(2, 0, 2), 0)
    assert.throws(() => send(2, 3, ...put(1, 2)), { code: 'PROTOCOL' })
    assert.equal(c.core.store.countOf(1), 0)
    const again = rawPort()
    again.send(2, 1, ...put(1, 1))
    assert.equal(c.core.store.countOf(1), 1)
  })

  it('does not begin by what asks for another one', () => {
    adopt(topologyOf(2, 0, 2), c)
    const { sent, send } = rawPort()
    send(2, 1, ...put(1, 1))
    send(2, 2, ReplicaOp.FILL_BEGIN, 1, 0, 1)
    c.core.flush(() => 0)
    assert.deepEqual(sent, [ack(2, 1)])
    assert.deepEqual([...c.core.store.keysOf(1)], [keyOf(1, 1)])
  })

  it('says of each batch that comes again what it refused, and nothing of the others', () => {
    adopt(topologyOf(2, 0, NONE), c)
    const first = rawPort()
    first.send(1, 1, ...put(1, 1))
    first.send(1, 2, ...put(2, 1))
    const again = rawPort()
    c.core.flush(() => 0)
    again.send(1, 1, ...put(1, 1))
    c.core.flush(() => 0)
    again.send(1, 2, ...put(2, 1))
    c.core.flush(() => 0)
    assert.deepEqual(first.sent, [ack(1, 1)])
    assert.deepEqual(again.sent, [ack(0), ack(1, 1), ack(2, 2)])
  })

  it('takes nothing from a server that is no member, though the slot has no primary', () => {
    adopt(topologyOf(1, NONE, 1), b)
    const port = new RecordingPort()
    b.core.primaryConnected('f'.repeat(40), 1, port)
    const put = [ReplicaOp.PUT, slot, 1, 'key', 'value', 1, 0, 0]
    b.core.primaryData(
      'f'.repeat(40),
      port,
      dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 1, 1, 1, ...put]),
      0,
    )
    assert.equal(b.core.store.peek(slot, 'key'), undefined)
  })

  it('takes no key that is of another slot', () => {
    adopt(topologyOf(2, 0, 2), c)
    for (const operation of [
      [ReplicaOp.PUT, 1, 1, keyOf(2, 1), 'v', 1, 0, 0],
      [ReplicaOp.REMOVE, 1, 1, keyOf(2, 1), 0],
      [ReplicaOp.FILL, 1, 1, keyOf(2, 1), 'v', 1, 0],
    ]) {
      const { send } = rawPort()
      send(2, 1, ...put(2, 1))
      assert.throws(() => send(2, 2, ...operation), { code: 'PROTOCOL', message: /not the key's slot/ })
      assert.equal(c.core.store.peek(2, keyOf(2, 1))?.value, 'v')
    }
  })

  it('takes no entry whose kind or time to live nobody could read', () => {
    adopt(topologyOf(2, 0, 2), c)
    for (const [kind, ttlMs] of [
      [3, 0],
      [0.5, 0],
      ['1', 0],
      [1, Infinity],
      [1, Number.NaN],
      [1, -1],
    ]) {
      const { send } = rawPort()
      assert.throws(() => send(2, 1, ReplicaOp.PUT, 1, 1, keyOf(1, 1), 'v', kind, ttlMs, 0), {
        code: 'PROTOCOL',
      })
    }
  })
})

/** A key of that slot. */
function keyOf(slot: number, number: number): string {
  for (let tag = 0; ; tag++) if (keySlot(`${tag}`) === slot) return `{${tag}}${number}`
}
