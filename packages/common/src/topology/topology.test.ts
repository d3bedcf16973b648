import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOT_COUNT } from '../slot.js'
import { emptyTopology, NONE } from './topology.js'

const ring = { virtualNodes: 1, seed: 0 }

test('an empty topology has all slots, and nobody owns them', () => {
  for (const [{ primary, backup }, slotCount] of [
    [emptyTopology(ring), SLOT_COUNT],
    [emptyTopology(ring, 16), 16],
    [emptyTopology(ring, 2), 2],
  ] as const)
    for (const column of [primary, backup]) {
      assert.equal(column.length, slotCount)
      assert.ok(column.every((seat) => seat === NONE))
    }
})

test('the number of slots is a power of two from 2 to 16384', () => {
  for (const slotCount of [0, 1, -2, 2.5, 3, 10, 16383, 32768, NaN, Infinity])
    assert.throws(() => emptyTopology(ring, slotCount), RangeError, String(slotCount))
})
