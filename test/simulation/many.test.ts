import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IcfError, type ErrorCode } from '@icf/common'
import { LinearizableKey, type Operation } from './checkers/linearizable.js'
import { Violation } from './checkers/violation.js'
import type { KeyCall } from './key-call.js'
import { fatesOf } from './many.js'

function part(name: string, operation: Operation): KeyCall {
  const key = new LinearizableKey(name, false)
  return { name, key, operation, call: key.begin(operation) }
}

const reads = (...names: string[]): KeyCall[] => names.map((name) => part(name, { kind: 'get' }))
const writes = (...names: string[]): KeyCall[] =>
  names.map((name) => part(name, { kind: 'set', value: `v${name}` }))
const failure = (code: ErrorCode, keys?: string[], values?: unknown[]): IcfError =>
  new IcfError(code, 'too late', { keys, values })

describe('of a call for many keys that fails', () => {
  it('what is not named is done', () => {
    const fates = fatesOf(failure('TIMEOUT', ['b']), writes('a', 'b'))
    assert.deepEqual(fates, [{ kind: 'done', found: undefined }, { kind: 'undone' }])
  })

  it('all that is named may have happened when one of it may', () => {
    const fates = fatesOf(failure('OUTCOME_UNKNOWN', ['a', 'c']), writes('a', 'b', 'c'))
    assert.deepEqual(
      fates.map(({ kind }) => kind),
      ['unknown', 'done', 'unknown'],
    )
  })

  it('reads that went well have their values, also of a key that failed once of twice', () => {
    const values = ['1', undefined, '3', undefined]
    assert.deepEqual(fatesOf(failure('TIMEOUT', ['c'], values), reads('a', 'b', 'c', 'c')), [
      { kind: 'done', found: '1' },
      { kind: 'done', found: undefined },
      { kind: 'done', found: '3' },
      { kind: 'undone' },
    ])
  })

  it('it is a violation that the error does not say which keys, or says others', () => {
    assert.throws(() => fatesOf(failure('TIMEOUT'), writes('a', 'b')), Violation)
    assert.throws(() => fatesOf(failure('TIMEOUT', []), writes('a', 'b')), Violation)
    assert.throws(() => fatesOf(failure('TIMEOUT', ['c']), writes('a', 'b')), Violation)
  })

  it('it is a violation that reads have not one value for each key, or writes have any', () => {
    assert.throws(() => fatesOf(failure('TIMEOUT', ['a']), reads('a', 'b')), Violation)
    assert.throws(() => fatesOf(failure('TIMEOUT', ['a'], ['1']), reads('a', 'b')), Violation)
    assert.throws(() => fatesOf(failure('TIMEOUT', ['a'], [undefined, '1']), writes('a', 'b')), Violation)
  })
})
