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

  it('says again what a voter has not kept that did not obey', () => {
    deaf.add('s1')
    ballots.get('B')!.doubt(1, now + timing.boundMs)
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    assert.ok(!happened('agreed'))
    run(timing.boundMs + timing.beatMs)
    assert.ok(happened('agreed'))
  })

  it('leaves its heir the time of a bound before it asks who would vote for itself', () => {
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    step({ type: 'handOver', heir: 'B' })
    assert.ok(happened('deposed'))
    asks.length = 0
    run(timing.boundMs)
    assert.equal(asks.length, 0)
    run(2 * timing.boundMs)
    assert.ok(asks.some(({ question }) => question.type === 'vote'))
  })

  it('that could not go on with a state does not stand until it keeps a newer one', () => {
    step({ type: 'unfit' })
    asks.length = 0
    run(3000)
    assert.equal(asks.length, 0)
    const state = { ...first, epoch: 7, version: 1 }
    ballots.get('A')!.answer(now, { type: 'beat', number: 1, epoch: 7, state })
    run(3000)
    assert.ok(asks.some(({ question }) => question.type === 'vote'))
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

  it('hands over when all is in effect and its heir keeps it: not before, and it gives no lease from then on', () => {
    for (const voter of ['B', 's1']) deaf.add(voter)
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    step({ type: 'handOver', heir: 'B' })
    deaf.delete('s1')
    connect('s1')
    assert.ok(happened('agreed'))
    assert.ok(!happened('deposed'))
    deaf.delete('B')
    connect('B')
    assert.deepEqual(effects.find(({ type }) => type === 'deposed'), { type: 'deposed', heir: 'B' }) // prettier-ignore
    assert.equal(election.validUntil, -Infinity)
    const said = asks.filter(({ question }) => question.type === 'last').map(({ voter }) => voter)
    assert.deepEqual(said, ['B'])
    assert.equal(asks.at(-1)!.question.type, 'last')
  })

  it('that has handed over leaves its heir the time that disks take, though it is free to ask', () => {
    step({ type: 'handOver', heir: 'B' })
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    assert.ok(happened('deposed'))
    const vote = { type: 'vote', number: 1, epoch: 2, isTrial: false, has: undefined, ended: 1 } as const
    assert.ok(ballots.get('A')!.answer(now, vote).isYes)
    asks.length = 0
    run(timing.boundMs)
    assert.equal(asks.length, 0)
    run(2 * timing.maxDelayMs)
    assert.ok(asks.some(({ question }) => question.type === 'vote'))
  })

  it('goes on when it is not to hand over any more', () => {
    step({ type: 'handOver', heir: 'B' })
    step({ type: 'handOver', heir: undefined })
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    run(1000)
    assert.ok(election.validUntil > now)
  })

  it('never hands over to one that can not become active', () => {
    step({ type: 'handOver', heir: 's1' })
    step({ type: 'proposed', state: { ...first, epoch: 1, version: 1 } })
    assert.ok(happened('agreed'))
    assert.ok(!happened('deposed'))
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

describe('the heir of a master that has ended its term', () => {
  const asked = (election: Election<Agreed>, event: ElectionEvent<Agreed>): Ask<Agreed>['question'][] =>
    election.step(1, event).flatMap((effect) => (effect.type === 'ask' ? [effect.question] : []))

  const heir = (): Election<Agreed> => {
    const own = new Ballot<Agreed>(timing.boundMs, { epoch: 0, accepted: first })
    own.answer(0, { type: 'beat', number: 1, epoch: 5, state: undefined })
    own.answer(0, { type: 'last', number: 2, epoch: 5 })
    const election = new Election({ self: 'B', own, timing, nextEpoch: (last) => last + 1, random: () => 0 })
    for (const voter of council.voters) election.step(0, { type: 'connected', voter, isMaster: council.masters.includes(voter) }) // prettier-ignore
    return election
  }

  it('asks at once and in earnest, and says which term is over', () => {
    const questions = asked(heir(), { type: 'named', epoch: 5 })
    assert.equal(questions.length, 3)
    for (const question of questions)
      assert.deepEqual({ ...question, number: 0 }, { type: 'vote', number: 0, epoch: 6, isTrial: false, has: { epoch: 0, version: 0 }, ended: 5 }) // prettier-ignore
  })

  it('waits for votes as long as the others leave it the time', () => {
    const election = heir()
    const effects = election.step(1, { type: 'named', epoch: 5 })
    for (let now = 25; now < timing.boundMs; now += 25) election.step(now, { type: 'tick' })
    const later = effects.flatMap((effect) => {
      if (effect.type !== 'ask' || effect.voter === 'A') return []
      const answer = { number: effect.question.number, isYes: true, epoch: 6, newer: undefined }
      return election.step(timing.boundMs, { type: 'answered', voter: effect.voter, answer })
    })
    assert.ok(later.some(({ type }) => type === 'elected'))
  })

  it('asks nobody when it obeys another one by then, or can not go on itself', () => {
    assert.deepEqual(asked(heir(), { type: 'named', epoch: 4 }), [])
    const unfit = heir()
    unfit.step(0, { type: 'unfit' })
    assert.deepEqual(asked(unfit, { type: 'named', epoch: 5 }), [])
  })
})
