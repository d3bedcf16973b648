import { defaultTiming, termBoundMs } from '@icf/common'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Voter } from './voter.js'

const BOUND_MS = termBoundMs(defaultTiming)
const ACTIVE = '127.0.0.1:7000'
const STANDBY = '127.0.0.1:7001'

/** One that the active master of epoch 1 has bound at 0. */
function bound(): Voter {
  const voter = new Voter()
  voter.learn(defaultTiming)
  beat(voter, 0, 1, ACTIVE)
  return voter
}

function beat(voter: Voter, now: number, epoch: number, where: string): void {
  assert.ok(voter.answer(now, { type: 'beat', number: 1, epoch, state: undefined }, where).isYes)
}

/** Whether it would vote for the standby. */
function isFree(voter: Voter, now: number): boolean {
  const question = {
    type: 'vote',
    number: 2,
    epoch: 9,
    isTrial: true,
    has: undefined,
    ended: undefined,
  } as const
  return voter.answer(now, question, STANDBY).isYes
}

describe('the vote of a cache server', () => {
  it('is bound by the word of the active master for 600 ms by the default timing', () => {
    const voter = bound()
    assert.equal(BOUND_MS, 600)
    assert.ok(!isFree(voter, BOUND_MS - 1))
    assert.ok(isFree(voter, BOUND_MS))
  })

  it('is free at once when that master’s process is gone', () => {
    const voter = bound()
    voter.gone(ACTIVE)
    assert.ok(isFree(voter, 1))
  })

  it('stays bound when another master’s process is gone, also the one of the term before', () => {
    const voter = bound()
    voter.gone(STANDBY)
    assert.ok(!isFree(voter, 1))
    beat(voter, 1, 2, STANDBY)
    voter.gone(ACTIVE)
    assert.ok(!isFree(voter, 2))
  })

  it('is bound for the longest time that any master tells, also when that comes later', () => {
    const voter = bound()
    const longer = { ...defaultTiming, leaseMs: 2000 }
    voter.learn(longer)
    voter.learn(defaultTiming)
    assert.ok(!isFree(voter, BOUND_MS - 1))
    beat(voter, 0, 1, ACTIVE)
    assert.ok(!isFree(voter, termBoundMs(longer) - 1))
  })
})
