import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CopyQueue } from './copy-queue.js'

describe('a copy queue', () => {
  let queue: CopyQueue
  beforeEach(() => {
    queue = new CopyQueue()
    for (const slot of [1, 2, 3, 4]) queue.add(slot)
  })

  /** The next so many slots; the last one is only begun when `isCut`. */
  const take = (count: number, isCut = false): number[] => {
    const slots: number[] = []
    queue.advance((slot) => {
      if (slots.length < count) slots.push(slot)
      else return false
      return slots.length < count || !isCut
    })
    return slots
  }

  it('has them in the order in which they came, those first in which writes wait', () => {
    assert.deepEqual(take(1), [1])
    queue.hurry(4)
    queue.hurry(3)
    assert.deepEqual(take(2), [2, 4])
    assert.deepEqual(take(3), [3, 3, 4])
    assert.ok(queue.isEmpty)
  })

  it('goes on with the one that has begun: a value that went ahead for it keeps all others back', () => {
    assert.deepEqual(take(1, true), [1])
    queue.hurry(3)
    assert.deepEqual(take(2), [1, 3])
    assert.ok(!queue.isEmpty)
  })

  it('is empty when the last one is done, not before, and takes others then', () => {
    assert.deepEqual(take(4, true), [1, 2, 3, 4])
    assert.ok(!queue.isEmpty)
    assert.deepEqual(take(9), [4])
    assert.ok(queue.isEmpty)
    queue.add(5)
    assert.deepEqual(take(9), [5])
  })
})
