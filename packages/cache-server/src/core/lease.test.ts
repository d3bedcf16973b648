import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Lease } from './lease.js'

describe('a lease', () => {
  let lease: Lease

  beforeEach(() => {
    lease = new Lease()
    lease.masterConnected(1000)
  })

  it('is counted from when the answered heartbeat was sent', () => {
    const beat = lease.beat(100)
    assert.ok(lease.answered(beat))
    assert.equal(lease.until, 1100)
  })

  it('is not shortened by an answer that was overtaken', () => {
    const [older, newer] = [lease.beat(100), lease.beat(200)]
    assert.ok(lease.answered(newer))
    assert.ok(!lease.answered(older))
    assert.equal(lease.until, 1200)
    assert.equal(lease.answeredBeat, newer)
  })

  it('takes an answer once, and only to what was sent', () => {
    const beat = lease.beat(100)
    assert.ok(lease.answered(beat))
    for (const answer of [beat, beat + 1]) assert.ok(!lease.answered(answer))
    assert.equal(lease.until, 1100)
  })

  it('takes the answer of the active master also when a standby has connected meanwhile', () => {
    const beat = lease.beat(100)
    lease.masterConnected(1000)
    assert.ok(lease.answered(beat))
    assert.equal(lease.until, 1100)
  })

  it('is renewed by the proof that no master runs, but not once it is over', () => {
    lease.answered(lease.beat(0))
    assert.ok(lease.masterProvenGone(900, 950))
    assert.equal(lease.until, 1900)
    assert.ok(!lease.masterProvenGone(1850, 1900))
    assert.equal(lease.until, 1900)
  })

  it('counts no unanswered heartbeat of an earlier link', () => {
    lease.beat(0)
    const last = lease.beat(100)
    lease.masterConnected(1000)
    assert.equal(lease.answeredBeat, last)
  })
})
