import { limits } from '@icf/common'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Origin } from './origin.js'
import { WriteHistory } from './write-history.js'

describe('the origin of writes', () => {
  it('knows each write by slot, number and life of the copy until it is settled', () => {
    const origin = new Origin('client')
    for (let number = 1; number <= 1000; number++) origin.note(number % 7, number, 3)
    assert.ok(origin.has(5, 5, 3) && origin.has(1000 % 7, 1000, 3))
    assert.ok(!origin.has(4, 5, 3) && !origin.has(5, 5, 4) && !origin.has(5, 1001, 3))
    origin.settle(990)
    assert.equal(origin.size, 11)
    assert.ok(!origin.has(989 % 7, 989, 3) && origin.has(990 % 7, 990, 3))
    origin.note(1, 500, 3)
    assert.equal(origin.size, 11)
  })

  it('grows around the end of its ring', () => {
    const origin = new Origin('client')
    for (let number = 1; number <= 5000; number++) {
      origin.note(1, number, 0)
      if (number < 1000) origin.settle(number - 40)
    }
    for (let number = 959; number <= 5000; number++) assert.ok(origin.has(1, number, 0), String(number))
  })

  it('is bounded: of too many, it keeps the newest', () => {
    const origin = new Origin('client')
    for (let number = 1; number <= limits.maxUnsettledWrites + 10; number++) origin.note(1, number, 0)
    assert.equal(origin.size, limits.maxUnsettledWrites)
    assert.ok(!origin.has(1, 10, 0) && origin.has(1, 11, 0))
  })
})

describe('the history of writes', () => {
  it('tells what a slot has, of all clients, and forgets it with the copy', () => {
    const history = new WriteHistory()
    const [a, b] = [history.origin('a', 0), history.origin('b', 0)]
    history.note(1, a, 10)
    history.note(1, b, 20)
    history.note(2, a, 11)
    assert.deepEqual(history.of(1), [
      { origin: a, number: 10 },
      { origin: b, number: 20 },
    ])
    history.clear(1)
    assert.deepEqual(history.of(1), [])
    assert.ok(!history.has(1, a, 10) && history.has(2, a, 11))
    history.note(1, a, 12)
    assert.deepEqual(history.of(1), [{ origin: a, number: 12 }])
  })

  it('forgets a client that was not heard of for a minute', () => {
    const history = new WriteHistory()
    history.note(1, history.origin('gone', 0), 1)
    history.origin('here', 0)
    history.origin('here', 50_000)
    history.forget(70_000)
    assert.ok(!history.has(1, history.origin('gone', 70_000), 1))
    assert.deepEqual(history.of(1), [])
  })

  it('knows a bounded number of clients, those heard of last', () => {
    const history = new WriteHistory()
    const first = history.origin('0', 0)
    const second = history.origin('1', 0)
    history.origin('0', 2000)
    for (let i = 2; i <= 20_000; i++) history.origin(String(i), 2000)
    assert.equal(history.origin('0', 2000), first)
    assert.notEqual(history.origin('1', 2000), second)
  })
})
