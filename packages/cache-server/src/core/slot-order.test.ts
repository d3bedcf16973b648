import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SlotOrder } from './slot-order.js'

const SLOTS = 3
const KEYS = 100

const anyStep = fc.record({ slot: fc.nat(SLOTS - 1), key: fc.nat(KEYS - 1), isThere: fc.boolean() })

class Ordered {
  readonly #places: number[] = []
  readonly order = new SlotOrder(SLOTS, {
    place: (handle) => this.#places[handle]!,
    setPlace: (handle, place) => void (this.#places[handle] = place),
  })
  /** Handles grow, so that of each slot they are in the order in which they came. */
  readonly expected = Array.from({ length: SLOTS }, () => new Map<number, number>())
  #next = 1

  set(slot: number, key: number, isThere: boolean): void {
    const handle = this.expected[slot]!.get(key)
    if (isThere === (handle !== undefined)) return
    if (handle === undefined) {
      this.order.add(slot, this.#next)
      this.expected[slot]!.set(key, this.#next++)
    } else {
      this.order.remove(slot, handle)
      this.expected[slot]!.delete(key)
    }
  }
}

describe('the order of a slot', () => {
  it('names what is there, as it came', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 300, size: 'max' }), (steps) => {
        const ordered = new Ordered()
        for (const { slot, key, isThere } of steps) ordered.set(slot, key, isThere)
        ordered.expected.forEach((expected, slot) => {
          assert.deepEqual([...ordered.order.handlesOf(slot)], [...expected.values()])
          assert.equal(ordered.order.countOf(slot), expected.size)
        })
      }),
    )
  })

  it('names each that stays once, as it came, while others come and go', () => {
    const changes = fc.array(fc.array(anyStep, { maxLength: 9 }), { minLength: 400, maxLength: 400 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: KEYS }), changes, (count, changesAfter) => {
        const ordered = new Ordered()
        const expected = ordered.expected[0]!
        for (let key = 0; key < count; key++) ordered.set(0, key, true)
        const stays = new Set(expected.values())
        const named: number[] = []
        for (const handle of ordered.order.handlesOf(0)) {
          assert.ok([...expected.values()].includes(handle))
          for (const { slot, key, isThere } of changesAfter[named.push(handle)] ?? [])
            ordered.set(slot, key, isThere)
          const there = new Set(expected.values())
          for (const each of stays) if (!there.has(each)) stays.delete(each)
        }
        assert.deepEqual(named.filter((handle) => stays.has(handle)), [...stays]) // prettier-ignore
        assert.deepEqual(
          named,
          named.toSorted((one, other) => one - other),
        )
      }),
    )
  })
})
