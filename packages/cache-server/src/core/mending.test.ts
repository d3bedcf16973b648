// A backup that counts as complete, and is not: no write of its slot is acknowledged before it is whole again.
import { CommandCode, keySlot, MessageType, NONE, REPEAT, ReplicaOp, type Topology } from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import type { Wires } from '@icf/testkit/wires'
import { transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Entry } from './entry.js'
import { threeMembers, topologyOf, type Member } from './members.test.kit.js'

const slot = keySlot('key')
const KEYS = 100

describe('a complete backup that lacks a write', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
    adopt(topologyOf(1, 0, 1), a, b, c)
    // More than goes at once.
    for (let i = 0; i < KEYS; i++) a.set(`{key}${i}`, String(i).padEnd(10_000))
    wires.run()
  })

  const adopt = (topology: Topology, ...members: Member[]): void => {
    for (const { core } of members) {
      core.adopt(topology, 0)
      core.work(0)
    }
    wires.run()
  }

  /** As if the last write had been lost, which had set one key and removed another. */
  const lose = (): void => {
    b.core.slots.seq[slot]!--
    b.core.store.remove(slot, '{key}3')
    b.core.store.put(new Entry('{key}removed', slot, 1, 'old', 1, 0))
  }

  const contents = ({ core }: Member): string[] =>
    [...core.store.keysOf(slot)]
      .sort()
      .map((key) => `${key} ${core.store.peek(slot, key)!.seq} ${String(core.store.peek(slot, key)!.value)}`)

  /** Lets things happen until the condition holds. */
  const until = (condition: () => boolean): void => {
    for (let steps = 0; !condition(); steps++) {
      assert.ok(steps < 1000, 'it never came to that')
      wires.step()
      // The primary goes on in turns of its own.
      a.core.flush(() => 0)
    }
  }

  it('gets all it should have, and no write is acknowledged before', () => {
    lose()
    const ids = [a.set('{key}7', 'new'), a.command(CommandCode.DELETE, '{key}8'), a.set('{key}7', 'newer')]
    a.core.flush(() => 0)
    let steps = 0
    for (; wires.queue.length > 0; steps++) {
      if (ids.some((id) => a.results.has(id))) assert.deepEqual(contents(b), contents(a))
      wires.step()
    }
    assert.ok(steps > 5)
    assert.deepEqual(ids.map((id) => a.results.get(id)), [true, true, true]) // prettier-ignore
    assert.deepEqual(contents(b), contents(a))
    assert.equal(b.core.store.peek(slot, '{key}removed'), undefined)
    assert.ok(a.core.ledger.isEmpty)
    assert.deepEqual(a.mended, [[b.core.id, [slot]]])
  })

  it('goes on as before when it is whole', () => {
    lose()
    a.ask(CommandCode.SET, '{key}7', 'new', 1, 0, 0)
    assert.equal(a.ask(CommandCode.SET, '{key}9', 'later', 1, 0, 0), true)
    assert.equal(a.ask(CommandCode.DELETE, '{key}10'), true)
    assert.deepEqual(contents(b), contents(a))
    assert.equal(a.mended.length, 1)
  })

  it('costs the other slots nothing', () => {
    lose()
    const [other, written] = [a.set('other', 'value'), a.set('{key}7', 'new')]
    a.core.flush(() => 0)
    until(() => a.results.has(other))
    assert.equal(a.results.has(written), false)
    wires.run()
    assert.deepEqual(a.mended, [[b.core.id, [slot]]])
  })

  /** Until some, but not all, of what it lacks has come. */
  const mendHalf = (): void => {
    lose()
    b.core.store.remove(slot, `{key}${KEYS - 1}`)
    a.set('{key}new', 'new')
    a.core.flush(() => 0)
    until(() => b.core.store.peek(slot, '{key}3') !== undefined)
    assert.equal(b.core.store.peek(slot, `{key}${KEYS - 1}`), undefined)
  }

  it('takes live writes meanwhile, which are acknowledged only when it has the rest, too', () => {
    mendHalf()
    const ids = [a.set('{key}7', 'new'), a.command(CommandCode.DELETE, '{key}8')]
    until(() => ids.some((id) => a.results.has(id)))
    assert.deepEqual(contents(b), contents(a))
    wires.run()
    assert.deepEqual(ids.map((id) => a.results.get(id)), [true, true]) // prettier-ignore
  })

  it('has no less than before when it is promoted in the middle', () => {
    mendHalf()
    for (const member of [a, c]) b.disconnect(member)
    b.core.adopt(topologyOf(2, 1, NONE), 0)
    for (let i = 0; i < KEYS - 1; i++) assert.ok(b.core.store.peek(slot, `{key}${i}`), `key ${i}`)
    // What the primary had removed is only known to be gone when all has come.
    assert.ok(b.core.store.peek(slot, '{key}removed'))
  })

  it('gets the rest when the connection breaks in the middle', () => {
    mendHalf()
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    wires.run()
    a.connect(b)
    wires.run()
    assert.deepEqual(contents(b), contents(a))
    assert.ok(a.core.ledger.isEmpty)
  })

  it('is mended anew when it lacks another write in the middle', () => {
    mendHalf()
    b.core.slots.seq[slot]!--
    const id = a.set('{key}5', 'another')
    wires.run()
    assert.equal(a.results.get(id), true)
    assert.deepEqual(contents(b), contents(a))
    assert.ok(a.core.ledger.isEmpty)
    assert.equal(a.mended.length, 2)
  })

  it('holds up the move of its slot until it is whole', () => {
    mendHalf()
    const transitions = transitionsOf([[slot, { to: 1, intent: 'primary', since: 2 } as const]])
    adopt({ ...topologyOf(2, 0, 1), transitions }, b)
    a.core.adopt({ ...topologyOf(2, 0, 1), transitions }, 0)
    a.core.flush(() => 0)
    until(() => a.toMaster.some(([type]) => type === MessageType.SLOTS_HANDED_OFF))
    assert.deepEqual(contents(b), contents(a))
  })

  it('holds up the move of its slot also when no write waits for it', () => {
    const port = new RecordingPort()
    a.core.peerConnected(b.core.id, port)
    const answer = (number: unknown, ...refused: number[]): void =>
      a.core.peerData(b.core.id, port, dataOf([MessageType.BACK_ACK, number, 1, 1, refused]), 0)
    answer(0, slot)
    const transitions = transitionsOf([[slot, { to: 1, intent: 'primary', since: 1 } as const]])
    a.core.adopt({ ...topologyOf(2, 0, 1), transitions }, 0)
    const isReported = (): boolean => a.toMaster.some(([type]) => type === MessageType.SLOTS_HANDED_OFF)
    a.core.flush(() => 0)
    for (let next = port.sent.shift(); next; next = port.sent.shift()) {
      assert.equal(isReported(), false)
      answer(next[3])
      a.core.flush(() => 0)
    }
    assert.ok(isReported())
  })

  it('is let alone when it is no backup any more', () => {
    mendHalf()
    adopt(topologyOf(2, 0, NONE), a, b)
    assert.equal(contents(b).length, 0)
    assert.ok(a.core.ledger.isEmpty)
    assert.equal(a.ask(CommandCode.SET, '{key}9', 'later', 1, 0, 0), true)
  })

  it('is torn still for the next primary', () => {
    mendHalf()
    const handedOver = topologyOf(2, 2, 1)
    adopt(handedOver, b)
    assert.equal(b.core.slots.torn[slot], 1)
  })

  it('is mended also when it turned out while its copy was being committed', () => {
    const move = (version: number): Topology => ({
      ...topologyOf(version, 0, NONE),
      transitions: transitionsOf([[slot, { to: 2, intent: 'backup', since: 2 } as const]]),
    })
    adopt(move(2), a, b, c)
    assert.equal(a.toMaster.at(-1)![0], MessageType.SLOTS_COPIED)
    c.core.slots.seq[slot]!--
    const id = a.set('{key}7', 'new')
    wires.run()
    assert.equal(a.results.has(id), false)
    adopt(topologyOf(3, 0, 2), a, c)
    assert.equal(a.results.get(id), true)
    assert.deepEqual(contents(c), contents(a))
    assert.deepEqual(a.mended, [[c.core.id, [slot]]])
  })

  it('a repetition of what it lacks is answered when it is whole', () => {
    lose()
    a.numbered(500, 0, CommandCode.SET, '{key}7', 'new', 1, 0, 0)
    const again = a.numbered(0, 0, REPEAT, 500, CommandCode.SET, '{key}7', 'new', 1, 0, 0)
    a.core.flush(() => 0)
    for (; wires.queue.length > 0; wires.step())
      if (a.results.has(again)) assert.deepEqual(contents(b), contents(a))
    assert.equal(a.results.get(again), true)
    adopt(topologyOf(2, 1, NONE), b)
    assert.ok(b.core.store.history.has(slot, b.core.store.history.origin('client', 0), 500))
  })

  it('is not what a copy under way can be', () => {
    adopt({ ...topologyOf(2, 0, NONE, { to: 2, intent: 'backup', since: 2 }) }, c)
    const port = new RecordingPort()
    c.core.primaryConnected(a.core.id, 77, port)
    c.core.primaryData(
      a.core.id,
      port,
      dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 1, 2, 1, ReplicaOp.MEND, slot, 0]),
      0,
    )
    c.core.flush(() => 0)
    assert.deepEqual(port.sent, [[MessageType.BACK_ACK, 1, 1, 2, [slot]]])
  })
})

it('a mending whose first batch has a refused write begins anew with the newer topology that the backup has', () => {
  const { wires, a, b, c } = threeMembers()
  for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
  for (const { core } of [a, b, c]) core.adopt(topologyOf(1, 0, 1), 0)
  a.set('{key}1', 'x')
  wires.run()
  b.core.slots.seq[slot]!--
  a.set('{key}2', 'y')
  a.core.flush(() => 0)
  // All that the slot has fits into one batch, and in each turn a write goes with it.
  for (let turn = 0; a.mended.length === 0; turn++) {
    assert.ok(turn < 50)
    a.set('{key}3', `z${turn}`)
    for (const job of wires.queue.splice(0)) job()
  }
  b.core.adopt(topologyOf(2, 0, 1), 0)
  wires.run()
  for (const { core } of [a, c]) core.adopt(topologyOf(2, 0, 1), 0)
  a.core.flush(() => 0)
  wires.run()
  assert.equal(a.ask(CommandCode.SET, '{key}4', 'later', 1, 0, 0), true)
  assert.ok(a.core.ledger.isEmpty)
})

it('what is refused of an earlier time as the primary is no reason to mend', () => {
  const { wires, a, b, c } = threeMembers()
  for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
  for (const { core } of [a, b, c]) core.adopt(topologyOf(1, 0, 1), 0)
  wires.run()
  // It is on its way while the roles change twice.
  a.set('{key}1', 'x')
  a.core.flush(() => 0)
  const held = wires.queue.splice(0)
  for (const topology of [topologyOf(2, 1, 0), topologyOf(3, 0, 1)])
    for (const { core } of [a, b, c]) core.adopt(topology, 0)
  wires.run()
  for (const job of held) job()
  wires.run()
  assert.deepEqual(a.mended, [])
  assert.equal(a.ask(CommandCode.SET, '{key}2', 'y', 1, 0, 0), true)
  assert.ok(a.core.ledger.isEmpty)
})

it('what a backup with a newer topology refused is no reason to mend in a version between the two', () => {
  const { a, b } = threeMembers()
  a.core.adopt(topologyOf(1, 0, 1), 0)
  const port = new RecordingPort()
  a.core.peerConnected(b.core.id, port)
  a.set('{key}1', 'x')
  a.core.flush(() => 0)
  a.core.peerData(b.core.id, port, dataOf([MessageType.BACK_ACK, port.sent[0]![3], 1, 3, [slot]]), 0)
  a.core.adopt(topologyOf(2, 0, 1, { to: 2, intent: 'backup', since: 2 }), 0)
  assert.deepEqual(a.mended, [])
  assert.ok(!a.core.ledger.isEmpty)
  a.core.adopt(topologyOf(3, 1, 2), 0)
  assert.deepEqual(a.mended, [])
  assert.ok(a.core.ledger.isEmpty)
})
