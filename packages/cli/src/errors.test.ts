import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IcfError } from '@icf/common'
import { describeError, Exit, isPassing } from './errors.js'

test('that a master is a standby is said as it says it, is no wrong usage, and may be otherwise the next time', () => {
  const error = new IcfError('STANDBY', 'master 127.0.0.1:7000 is a standby: ask the one that is active')
  const { exit, code, message } = describeError(error)
  assert.deepEqual([exit, code, message], [Exit.FAILED, 'STANDBY', error.message])
  assert.ok(isPassing(error))
})

test('an order whose master lost its term is not given again without asking', () => {
  const error = new IcfError('TERM_LOST', 'what was asked may or may not take effect')
  assert.equal(describeError(error).exit, Exit.FAILED)
  assert.ok(!isPassing(error))
})
