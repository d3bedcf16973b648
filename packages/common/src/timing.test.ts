import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkTiming, defaultTiming } from './timing.js'

describe('checkTiming', () => {
  it('accepts the default', () => {
    assert.equal(checkTiming(defaultTiming), defaultTiming)
  })

  it('refuses a server that could be replaced while its lease runs', () => {
    assert.throws(() => checkTiming({ ...defaultTiming, deadAfterMs: 1099 }), {
      code: 'INVALID_ARGUMENT',
      message: /1.1 × leaseMs/,
    })
    assert.doesNotThrow(() => checkTiming({ ...defaultTiming, deadAfterMs: 1100 }))
  })

  it('refuses a lease that one late heartbeat would end, and what is no number of milliseconds', () => {
    assert.throws(() => checkTiming({ ...defaultTiming, leaseMs: 299 }), {
      code: 'INVALID_ARGUMENT',
      message: /3 × heartbeat/,
    })
    for (const value of [0, -1, 1.5, NaN])
      assert.throws(() => checkTiming({ ...defaultTiming, heartbeatIntervalMs: value }), {
        code: 'INVALID_ARGUMENT',
      })
  })
})
