// A slot that is to change its primary, and the master goes away in the middle of that.
import {
  CommandCode,
  keySlot,
  MessageType,
  wholeTopologyMessage,
  type Message,
  type Topology,
} from '@icf/common'
import { Wires } from '@icf/testkit/wires'
import { transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { DEAF, LEASE_MS, Member, serverOf, topologyOf } from './members.test.kit.js'

describe('a slot on its way to another primary', () => {
  let wires: Wires
  let a: Member
  let b: Member

  beforeEach(() => {
    wires = new Wires()
    a = new Member('a', wires)
    b = new Member('b', wires)
    a.connect(b)
    adopt(topologyOf(1, 0, 1))
  })

  const adopt = (topology: Topology): void => {
    for (const member of [a, b]) member.core.adopt(topology, 0)
    run()
  }

  const run = (): void => {
    for (const member of [a, b]) member.core.work(0)
    wires.run()
  }

  const slot = keySlot('key')
  /** To its backup: nothing is to be copied. */
  const swap = {
    ...topologyOf(2, 0, 1),
    transitions: transitionsOf([[slot, { to: 1, intent: 'primary', since: 2 } as const]]),
  }
  const reports = (): Message[] => a.toMaster.filter(([type]) => type === MessageType.SLOTS_HANDED_OFF)

  it('is served while there is no master to report it to, and parked when there is one', () => {
    a.core.masterLost()
    adopt(swap)
    assert.equal(a.get('key'), null)
    assert.deepEqual(reports(), [])
    a.core.masterConnected(LEASE_MS)
    run()
    assert.equal(a.get('key'), undefined)
    assert.deepEqual(
      reports().map((report) => report[4]),
      [[slot, 2]],
    )
  })

  it('is served again when the master is gone before it was reported', () => {
    a.core.peerLost(b.core.id)
    const write = a.set('key', 'value')
    adopt(swap)
    const read = a.command(CommandCode.HAS, 'key')
    run()
    a.core.masterLost()
    a.connect(b)
    run()
    assert.deepEqual([a.results.get(write), a.results.get(read)], [true, true])
    assert.equal(a.get('key'), 'value')
    assert.deepEqual(reports(), [])
    a.core.masterConnected(LEASE_MS)
    run()
    assert.deepEqual(
      reports().map((report) => report[4]),
      [[slot, 2]],
    )
  })

  it('stays parked when a master was told: it may have committed the move before it went', () => {
    adopt(swap)
    assert.equal(reports().length, 1)
    a.core.masterLost()
    run()
    assert.equal(a.get('key'), undefined)
    // Twice: a report that is due again has been sent before all the same.
    a.core.masterConnected(LEASE_MS)
    a.core.masterLost()
    run()
    assert.equal(a.get('key'), undefined)
    a.core.masterConnected(LEASE_MS)
    run()
    assert.equal(reports().length, 2)
    adopt(topologyOf(3, 1, 0))
    assert.equal(b.get('key'), null)
  })

  it('stays parked while its move is the same, though another server has taken a seat', () => {
    adopt(swap)
    adopt({ ...swap, version: 3, servers: [...swap.servers.slice(0, 2), serverOf('d')] })
    assert.equal(a.get('key'), undefined)
    assert.equal(reports().length, 1)
  })

  it('is reported again when its master begins another term on the same link, once', () => {
    const follow = (topology: Topology): void => {
      a.core.masterMessage(DEAF, wholeTopologyMessage(topology), 0)
      run()
    }
    a.core.masterConnected(LEASE_MS)
    adopt(swap)
    assert.equal(reports().length, 1)
    follow({ ...swap, epoch: 2, version: 3 })
    follow({ ...swap, epoch: 2, version: 4 })
    assert.deepEqual(
      reports().map((report) => report[4]),
      [
        [slot, 2],
        [slot, 2],
      ],
    )
    assert.equal(a.termsBegun, 1)
  })

  it('is not reported again when a master that was replaced tells of its term', () => {
    a.core.masterConnected(LEASE_MS)
    adopt(swap)
    const next = { ...swap, epoch: 2, version: 3 }
    for (const topology of [next, swap, next]) {
      a.core.masterMessage(DEAF, wholeTopologyMessage(topology), 0)
      run()
    }
    assert.equal(reports().length, 2)
  })

  it('is reported again in a term of which another server told first', () => {
    a.core.masterConnected(LEASE_MS)
    adopt(swap)
    const next = { ...swap, epoch: 2, version: 3 }
    adopt(next)
    assert.equal(reports().length, 1)
    a.core.masterMessage(DEAF, wholeTopologyMessage(next), 0)
    run()
    assert.equal(reports().length, 2)
  })
})
