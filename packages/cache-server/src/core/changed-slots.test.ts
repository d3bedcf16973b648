import { NONE, sameTransition, SLOT_COUNT, type Topology } from '@icf/common'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changedSlots } from './changed-slots.js'
import { serverOf, topologyOf } from './members.test.kit.js'

/** Few slots and seats, so that many stay as they were. */
const SLOTS = 12

it('finds the slots of which anything changed', () => {
  const seat = fc.constantFrom(0, 1, NONE)
  const transition = fc.record({
    to: fc.constantFrom(0, 1),
    intent: fc.constantFrom('backup' as const, 'primary' as const),
    since: fc.constantFrom(1, 2),
  })
  const slots = fc.array(fc.tuple(seat, seat, fc.option(transition)), { minLength: SLOTS, maxLength: SLOTS })
  const topology = slots.map((owners): Topology => {
    const base = topologyOf(1, 0, 1)
    const [primary, backup] = [base.primary.slice(), base.backup.slice()]
    const transitions = base.transitions.copy()
    for (const [slot, [p, b, t]] of owners.entries()) {
      primary[slot] = p
      backup[slot] = b
      if (t) transitions.set(slot, t)
    }
    return { ...base, primary, backup, transitions }
  })
  fc.assert(
    fc.property(topology, topology, (before, next) => {
      const changed = new Set(changedSlots(before, next))
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        const isSame =
          before.primary[slot] === next.primary[slot] &&
          before.backup[slot] === next.backup[slot] &&
          sameTransition(before.transitions.get(slot), next.transitions.get(slot))
        assert.equal(!changed.has(slot), isSame)
      }
    }),
  )
})

describe('with other servers in the seats', () => {
  const before = topologyOf(1, 0, 1)
  const changed = (servers: Topology['servers']): number =>
    changedSlots(before, { ...before, servers }).length

  it("takes all slots for changed when a seat is another server's", () => {
    assert.equal(changed(['a', 'd', 'c'].map(serverOf)), SLOT_COUNT)
  })

  it('takes none for changed when a seat without slots is taken or left', () => {
    assert.equal(changed([...before.servers.slice(0, 2), undefined]), 0)
    assert.equal(changed([...before.servers, serverOf('d')]), 0)
  })
})
