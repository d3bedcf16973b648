import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Ballot, compareStamps, type Answer, type Stamp } from './ballot.js'

const BOUND_MS = 600
const old = { epoch: 1, version: 9 }
const newer = { epoch: 2, version: 3 }

let number = 0

const vote = (
  ballot: Ballot<Stamp>,
  now: number,
  epoch: number,
  has?: Stamp,
  isTrial = false,
): Answer<Stamp> =>
  ballot.answer(now, { type: 'vote', number: ++number, epoch, isTrial, has, ended: undefined })

const beat = (ballot: Ballot<Stamp>, now: number, epoch: number, state?: Stamp): Answer<Stamp> =>
  ballot.answer(now, { type: 'beat', number: ++number, epoch, state })

describe('a vote', () => {
  it('is given once in a term', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    assert.equal(vote(ballot, 0, 1).isYes, true)
    assert.equal(vote(ballot, 0, 1).isYes, false)
    assert.equal(vote(ballot, 0, 2).isYes, true)
  })

  it('is not given away by a trial', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    assert.deepEqual(vote(ballot, 0, 1, undefined, true), { number, isYes: true, epoch: 0, newer: undefined })
    assert.equal(vote(ballot, 0, 1).isYes, true)
  })

  it('is refused as long as the active master binds the voter, and given afterwards', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 1)
    beat(ballot, 100, 1)
    assert.equal(vote(ballot, 699, 2).isYes, false)
    assert.equal(vote(ballot, 700, 2).isYes, true)
  })

  it('is given at once when the term is given up, but not when an earlier one is', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 2)
    ballot.release(1)
    assert.equal(vote(ballot, 1, 3).isYes, false)
    ballot.release(2)
    assert.equal(vote(ballot, 1, 3).isYes, true)
  })

  it('is given at once to whoever knows that the master that binds the voter has ended its term', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 2)
    const ask = (epoch: number, ended: number): boolean =>
      ballot.answer(1, { type: 'vote', number: ++number, epoch, isTrial: true, has: undefined, ended }).isYes
    assert.equal(ask(3, 1), false)
    assert.equal(ask(3, 2), true)
    beat(ballot, 2, 4)
    assert.equal(ask(5, 2), false)
  })

  it('is free after the last word of the master that binds the voter, not of an earlier one', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    const last = (epoch: number): boolean => ballot.answer(1, { type: 'last', number: ++number, epoch }).isYes
    beat(ballot, 0, 2)
    assert.equal(last(1), false)
    assert.equal(vote(ballot, 1, 3).isYes, false)
    assert.equal(last(2), true)
    assert.equal(vote(ballot, 1, 3).isYes, true)
  })

  it('is not bound any more by a master that is doubted, once it was; a later one binds it', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 2)
    ballot.doubt(2, 2000)
    assert.deepEqual(beat(ballot, 100, 2, newer), { number, isYes: false, epoch: 2, newer: undefined })
    assert.equal(ballot.accepted, undefined)
    assert.equal(vote(ballot, 599, 3, undefined, true).isYes, false)
    assert.equal(vote(ballot, 600, 3, undefined, true).isYes, true)
    assert.equal(beat(ballot, 700, 3).isYes, true)
    const again = new Ballot<Stamp>(BOUND_MS)
    again.doubt(0, 2000)
    assert.equal(beat(again, 1999, 0).isYes, false)
    assert.equal(beat(again, 2000, 0).isYes, true)
  })

  it('ends the obedience to the master of an earlier term', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 1, old)
    vote(ballot, 1000, 2)
    assert.deepEqual(beat(ballot, 1001, 1, { epoch: 1, version: 10 }), { number, isYes: false, epoch: 2, newer: undefined }) // prettier-ignore
    assert.deepEqual(ballot.accepted, old)
    assert.ok(ballot.boundUntil <= 1000)
  })

  it('tells the candidate a newer state than its own, also when it is refused', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 2, newer)
    assert.equal(vote(ballot, 1, 3, old).newer, newer)
    assert.equal(vote(ballot, 1000, 3, undefined).newer, newer)
    assert.equal(vote(ballot, 1000, 4, newer).newer, undefined)
  })

  it('keeps the newest state, whatever the order in which they come', () => {
    const ballot = new Ballot<Stamp>(BOUND_MS)
    beat(ballot, 0, 2, newer)
    assert.equal(beat(ballot, 0, 2, old).isYes, true)
    assert.equal(ballot.accepted, newer)
  })

  it('is as it was before its process was started again, and may still be bound', () => {
    const before = new Ballot<Stamp>(BOUND_MS)
    beat(before, 0, 2, newer)
    vote(before, 1000, 3)
    const ballot = new Ballot<Stamp>(BOUND_MS, before.state, 1700)
    assert.equal(vote(ballot, 1800, 3).isYes, false)
    assert.equal(vote(ballot, 1699, 4).isYes, false)
    assert.equal(vote(ballot, 1700, 4, old).newer, newer)
  })

  it('orders states by term, then by version, with nothing before all', () => {
    assert.ok(compareStamps(old, newer) < 0)
    assert.ok(compareStamps({ epoch: 1, version: 10 }, old) > 0)
    assert.ok(compareStamps(undefined, { epoch: 0, version: 0 }) < 0)
    assert.equal(compareStamps(undefined, undefined), 0)
  })
})
