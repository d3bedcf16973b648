// One master and what it may be told, message by message.
import { Ballot } from '@icf/common'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { Election, type ElectionEffect, type ElectionEvent } from './election.js'
import type { Agreed, Ask } from './messages.js'

const timing = { beatMs: 100, boundMs: 600, maxDelayMs: 100 }
const council = { voters: ['A', 'B', 's1'], masters: ['A', 'B'], former: undefined }
const first: Agreed = { epoch: 0, version: 0, ...council }

describe('an active master', () => {
  let now: number
  let election: Election<Agreed>
  let ballots: Map<string, Ballot<Agreed>>
  /** What is asked of them does not reach them. */
  let deaf: Set<string>
  let asks: Ask<Agreed>[]
  let effects: ElectionEffect<Agreed>[]

  const step = (event: ElectionEvent<Agreed>): void => {
    for (const effect of election.step(now, event)) {
      effects.push(effect)
      if (effect.type !== 'ask') continue
      asks.push(effect)
      const { voter, question } = effect
      const ballot = deaf.has(voter) ? undefined : ballots.get(voter)
      if (ballot) step({ type: 'answered', voter, answer: ballot.answer(now, question) })
    }
  }

  const run = (ms: number): void => {
    for (const end = now + ms; now < end; now += 25) step({ type: 'tick' })
  }

  const connect = (voter: string): void => step({ type: 'connected', voter, isMaster: council.masters.includes(voter) }) // prettier-ignore

  const happened = (type: ElectionEffect<Agreed>['type']): boolean => effects.some((effect) => effect.type === type) // prettier-ignore

  beforeEach(() => {
    now = 0
    ballots = new Map(council.voters.map((id) => [id, new Ballot(600, { epoch: 0, accepted: first })]))
    deaf = new Set()
    asks = []
    effects = []
    const own = ballots.get('A')!
    election = new Election({ self: 'A', own, timing, nextEpoch: (last) => last + 1, random: () => 0 })
    for (const voter of council.voters) connect(voter)
    run(2000)
    assert.ok(election.validUntil > now)
  })

  it('says on a link that replaces another what it had said on that', () => {
    deaf.add('B')
    step({ type: 'disconnected', voter: 'B' })
    deaf.add('s1')
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    assert.ok(!happened('agreed'))
    deaf.delete('s1')
    connect('s1')
    assert.ok(happened('agreed'))
  })

  it('believes no answer to what it has not asked', () => {
    connect('stranger')
    const answer = { isYes: false, epoch: 1000, newer: { epoch: 9, version: 9, ...council } }
    for (const voter of ['stranger', 's1'])
      step({ type: 'answered', voter, answer: { number: 1e9, ...answer } })
    assert.ok(!happened('deposed'))
    asks.length = 0
    step({ type: 'surpassed', epoch: 2 })
    run(5000)
    assert.ok(asks.some(({ question }) => question.type === 'vote'))
    assert.ok(asks.every(({ question }) => question.epoch < 1000))
  })

  it('lets those go that it binds when it has had no majority for long', () => {
    for (const voter of ['B', 's1']) deaf.add(voter)
    run(1500)
    assert.ok(!happened('deposed'))
    run(1000)
    assert.ok(happened('deposed'))
  })

  it('that can not go on is deposed, and asks nobody any more', () => {
    step({ type: 'unfit' })
    assert.ok(happened('deposed'))
    asks.length = 0
    run(5000)
    assert.deepEqual(asks, [])
  })

  it('is not one of those who decide when a voter knows that others do', () => {
    for (const voter of ['B', 's1']) deaf.add(voter)
    run(3000)
    assert.ok(happened('deposed'))
    const newer = { epoch: 7, version: 1, voters: ['B', 's1', 's2'], masters: ['B'], former: undefined }
    for (const voter of ['B', 's1'])
      ballots.get(voter)!.answer(now, { type: 'beat', number: 1, epoch: 7, state: newer })
    deaf.clear()
    ballots.set('s2', new Ballot(600))
    connect('s2')
    effects.length = 0
    run(5000)
    assert.ok(!happened('elected'))
  })
})
