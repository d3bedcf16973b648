import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StagingBudget } from './staging-budget.js'

describe('a staging budget', () => {
  it('lets in what fits, and the rest in order as room is made', () => {
    const granted: string[] = []
    const budget = new StagingBudget(10)
    assert.ok(budget.request(6, () => granted.push('never')))
    assert.ok(!budget.request(6, () => granted.push('second')))
    assert.ok(!budget.request(1, () => granted.push('third')))
    assert.deepEqual(granted, [])
    budget.release(6, 0)
    assert.deepEqual(granted, ['second', 'third'])
    assert.equal(budget.usedBytes, 7)
  })

  it('tells how much has come', () => {
    const received: number[] = []
    const budget: StagingBudget = new StagingBudget(10, () => received.push(budget.receivedBytes))
    budget.request(8, () => undefined)
    budget.received(3)
    budget.received(2)
    budget.release(8, 5)
    assert.deepEqual(received, [3, 5, 0])
  })

  it('lets a value that is larger than all of it in alone', () => {
    const budget = new StagingBudget(10)
    let isGranted = false
    assert.ok(budget.request(1, () => undefined))
    assert.ok(!budget.request(100, () => (isGranted = true)))
    budget.release(1, 1)
    assert.ok(isGranted)
  })

  it('forgets who withdraws, and goes on with those behind', () => {
    const budget = new StagingBudget(10)
    const granted: string[] = []
    const large = (): void => void granted.push('large')
    budget.request(5, () => undefined)
    budget.request(9, large)
    budget.request(5, () => granted.push('small'))
    budget.withdraw(large)
    assert.deepEqual(granted, ['small'])
  })
})
