import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IcfError, type ErrorCode } from '@icf/common'
import { Group } from './group.js'

/** The error of a group of `count` calls, of which these fail and the others succeed. */
async function errorOf(
  count: number,
  failures: [key: string, code: ErrorCode][],
  isRead = false,
): Promise<IcfError> {
  const promise = new Promise((resolve, reject) => {
    const given = failures.map(([key]) => key)
    const group = new Group(resolve, reject, given, isRead)
    group.expect(count)
    for (const [i, [key, code]] of failures.entries())
      group.failed(i, key, new IcfError(code, `${key} failed`, { cause: key }))
    for (let i = failures.length; i < count; i++) group.done(i, i)
  })
  return promise.then(
    () => assert.fail('it succeeded'),
    (error: IcfError) => error,
  )
}

test('an error of many calls has the keys that failed, and the cause of the error that it tells', async () => {
  const one = await errorOf(3, [['b', 'TIMEOUT']])
  assert.deepEqual(
    [one.code, one.message, one.keys, one.cause],
    ['TIMEOUT', '1 of 3 keys failed: b failed', ['b'], 'b'],
  )
  const two = await errorOf(3, [
    ['b', 'TIMEOUT'],
    ['c', 'TIMEOUT'],
  ])
  assert.equal(two.message, '2 of 3 keys failed ("b", "c"): b failed')
  assert.equal(two.retryable, true)
})

test('the error of a read has what was found of the other keys, in their places, that of a write has no values', async () => {
  const failures: [string, ErrorCode][] = [['a', 'TIMEOUT']]
  assert.deepEqual((await errorOf(3, failures, true)).values, [undefined, 1, 2])
  assert.equal((await errorOf(3, failures)).values, undefined)
})

test('what must not be repeated is told before what may', async () => {
  const error = await errorOf(2, [
    ['b', 'TIMEOUT'],
    ['c', 'OUTCOME_UNKNOWN'],
  ])
  assert.deepEqual([error.code, error.retryable, error.keys], ['OUTCOME_UNKNOWN', false, ['b', 'c']])
  assert.match(error.message, /: c failed$/)
})

test('a message names a few keys, and no long one in full', async () => {
  const error = await errorOf(
    8,
    Array.from({ length: 7 }, (_, i) => [String(i).repeat(100), 'TIMEOUT']),
  )
  assert.match(error.message, /^7 of 8 keys failed \("0{64}…", .*"4{64}…" and 2 more\): /)
  assert.equal(error.keys!.length, 7)
})
