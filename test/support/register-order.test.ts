import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RegisterOrder } from './register-order.js'

describe('the order of a register', () => {
  const order = (...operations: [kind: 'write' | 'read', value: string, start: number, end: number][]) => {
    const register = new RegisterOrder('none')
    for (const [kind, value, start, end] of operations)
      if (kind === 'write') register.wrote(value, start, end)
      else register.read(value, start, end)
    return register.problem()
  }

  it('explains writes and reads one after the other', () => {
    assert.equal(
      order(['read', 'none', 0, 1], ['write', 'a', 2, 3], ['read', 'a', 4, 5], ['write', 'b', 6, 7]),
      undefined,
    )
  })

  it('explains overlapping writes in either order', () => {
    for (const last of ['a', 'b'])
      assert.equal(order(['write', 'a', 0, 9], ['write', 'b', 1, 8], ['read', last, 10, 11]), undefined)
  })

  it('explains a value that is read while its write is under way', () => {
    assert.equal(order(['write', 'a', 0, 9], ['read', 'a', 2, 3], ['read', 'a', 4, 5]), undefined)
  })

  it('finds a write that was carried out twice', () => {
    const problem = order(
      ['write', 'a', 0, 20],
      ['read', 'a', 2, 3],
      ['write', 'b', 4, 5],
      ['read', 'b', 6, 7],
      ['read', 'a', 21, 22],
    )
    assert.equal(problem, 'a was there, then b, then a again')
  })

  it('finds a stale read, also of the value before all writes', () => {
    assert.match(
      order(['write', 'a', 0, 1], ['read', 'none', 2, 3])!,
      /a was written .* while none was there/,
    )
    assert.match(
      order(['write', 'a', 0, 1], ['write', 'b', 2, 3], ['read', 'a', 4, 5])!,
      /b was written and answered while a was there/,
    )
  })

  it('finds a lost write', () => {
    assert.ok(order(['write', 'a', 0, 1], ['read', 'a', 2, 3], ['write', 'b', 4, 5], ['read', 'a', 6, 7]))
  })

  it('finds values out of nowhere and from the future', () => {
    assert.equal(order(['read', 'x', 0, 1]), 'x was read but never written')
    assert.equal(order(['read', 'a', 0, 1], ['write', 'a', 2, 3]), 'a was read before it was written')
  })
})
