import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@icf/common'
import { WriteNumbers } from './write-numbers.js'

test('what is settled counts up to the oldest write that is not', () => {
  const numbers = new WriteNumbers()
  const taken = [numbers.take(), numbers.take(), numbers.take(), numbers.take()]
  assert.deepEqual(taken, [1, 2, 3, 4])
  const settled: number[] = []
  for (const number of [2, 4, 1, 1, 3]) {
    numbers.settle(number)
    settled.push(numbers.settledBelow)
  }
  assert.deepEqual(settled, [1, 1, 3, 3, 5])
})

test('a write that hangs does not hold up the others for ever', () => {
  const numbers = new WriteNumbers()
  const hanging = numbers.take()
  for (let i = 0; i < 3 * limits.maxUnsettledWrites; i++) numbers.settle(numbers.take())
  assert.equal(numbers.settledBelow, numbers.next)
  numbers.settle(hanging)
  assert.equal(numbers.settledBelow, numbers.next)
})
