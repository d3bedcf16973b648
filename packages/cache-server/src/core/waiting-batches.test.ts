// Batches that name a topology which their receiver does not have yet.
import { keySlot, MessageType, type Message } from '@icf/common'
import { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Member, topologyOf } from './members.test.kit.js'
import type { LinkPort } from './ports.js'

const MIB = 1024 * 1024
const slot = keySlot('key')

describe('batches that wait for a topology', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member
  const next = topologyOf(2, 0, 1)

  beforeEach(() => {
    wires = new Wires()
    a = new Member('a', wires)
    c = new Member('c', wires)
    // Of this, an eighth may wait.
    b = new Member('b', wires, 16 * MIB)
    a.connect(b)
    for (const { core } of [a, b, c]) core.adopt(topologyOf(1, 0, 1), 0)
    a.core.adopt(next, 0)
  })

  /** So many writes of a quarter of a MiB. */
  const write = (count: number, from = 0): number[] => {
    const ids = []
    for (let i = from; i < from + count; i++) {
      ids.push(a.set(`{key}${i}`, String(i).padEnd(MIB / 4)))
      a.core.flush(() => 0)
      wires.step()
    }
    return ids
  }

  /** What b asks for does not come. */
  const unasked = (port: LinkPort, message: Message): void => {
    if (message[0] !== MessageType.DISTRIBUTION_REQUEST) a.core.peerMessage(b.core.id, port, message, 0)
  }

  const learn = (): void => {
    b.core.adopt(next, 0)
    b.core.flush(() => 0)
    wires.run()
  }

  it('are stored when it comes, while there is room for them', () => {
    const ids = write(1)
    learn()
    assert.deepEqual([a.results.get(ids[0]!), b.reconnects], [true, []])
  })

  it('are dropped past a share of the memory, and come again on the next link, each once and in order', () => {
    a.disconnect(b)
    a.core.peerLost(b.core.id)
    const ids = write(20)
    a.connect(b, unasked)
    wires.run()
    assert.equal(b.core.store.countOf(slot), 0)
    assert.deepEqual(b.reconnects, [])
    learn()
    const stored = b.core.store.countOf(slot)
    assert.ok(stored > 0 && stored < 10, `${stored}`)
    assert.deepEqual(b.reconnects, [a.core.id])
    const more = write(1, 20)
    assert.equal(b.core.store.countOf(slot), stored, 'nothing that comes after what was dropped')
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    a.connect(b)
    wires.run()
    assert.ok([...ids, ...more].every((id) => a.results.get(id) === true))
    assert.deepEqual([...b.core.store.keysOf(slot)], [...a.core.store.keysOf(slot)])
    assert.equal(b.core.slots.seq[slot], 21)
    assert.deepEqual([b.reconnects.length, a.mended], [1, []])
  })

  it('give their room back with their link', () => {
    for (let round = 0; round < 5; round++) {
      a.disconnect(b)
      a.core.peerLost(b.core.id)
      if (round === 0) write(4)
      a.connect(b, unasked)
      wires.run()
    }
    learn()
    assert.deepEqual([b.core.store.countOf(slot), b.reconnects], [4, []])
  })
})
