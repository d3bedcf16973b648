import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Suspicions } from './suspicion.js'

function begun(peers: readonly string[], attempts = 3): { suspicions: Suspicions; probe: number } {
  const suspicions = new Suspicions(1)
  suspicions.raise('s', attempts, 0)
  return { suspicions, probe: suspicions.begin('s', peers, 0) }
}

type Answer = readonly [voter: 'master' | 'p' | 'q', outcome: 'gone' | 'alive' | 'unknown']

/** What everybody says, and whether that is a verdict. */
const CASES: readonly (readonly [Answer[], boolean])[] = [
  [[['master', 'gone']], false],
  [[['p', 'gone'], ['q', 'gone']], false], // prettier-ignore
  [[['p', 'gone'], ['q', 'gone'], ['master', 'gone']], true], // prettier-ignore
  [[['master', 'gone'], ['q', 'gone'], ['p', 'gone']], true], // prettier-ignore
  [[['master', 'gone'], ['p', 'unknown'], ['q', 'gone']], false], // prettier-ignore
  [[['master', 'gone'], ['p', 'alive'], ['q', 'gone']], false], // prettier-ignore
  [[['master', 'alive'], ['p', 'gone'], ['q', 'gone']], false], // prettier-ignore
  [[['master', 'unknown'], ['p', 'gone'], ['q', 'gone']], false], // prettier-ignore
  [[['p', 'gone'], ['p', 'gone'], ['master', 'gone']], false], // prettier-ignore
]

test('only when all that are asked find it gone, it is gone', () => {
  for (const [answers, isVerdict] of CASES) {
    const { suspicions, probe } = begun(['p', 'q'])
    const verdicts = answers.map(([voter, outcome]) =>
      voter === 'master'
        ? suspicions.found(probe, { outcome }, 1)
        : suspicions.heard(probe, voter, outcome === 'gone', 1),
    )
    const found = verdicts.filter((verdict) => verdict !== undefined)
    assert.deepEqual(found, isVerdict ? [{ id: 's', reason: 'process gone' }] : [], JSON.stringify(answers))
  }
})

test('without peers the master decides alone', () => {
  const { suspicions, probe } = begun([])
  assert.deepEqual(suspicions.found(probe, { outcome: 'gone' }, 1), { id: 's', reason: 'process gone' })
})

test('another process at the address is proof enough', () => {
  const { suspicions, probe } = begun(['p', 'q'])
  assert.deepEqual(suspicions.found(probe, { outcome: 'gone', foundId: 'new' }, 1), {
    id: 's',
    reason: 'replaced',
  })
})

test('a peer that is lost is not waited for', () => {
  const { suspicions, probe } = begun(['p'])
  suspicions.found(probe, { outcome: 'gone' }, 1)
  assert.deepEqual(suspicions.withdraw('p', 2), [{ id: 's', reason: 'process gone' }])
})

test('an answer of nobody who was asked, or to another round, counts for nothing', () => {
  const { suspicions, probe } = begun(['p'])
  assert.equal(suspicions.heard(probe, 'stranger', true, 1), undefined)
  assert.equal(suspicions.heard(probe + 1, 'p', true, 1), undefined)
  suspicions.clear('s')
  assert.equal(suspicions.found(probe, { outcome: 'gone' }, 1), undefined)
})

test('a round that brings no verdict is repeated after a moment, so often and no more', () => {
  const suspicions = new Suspicions(1)
  suspicions.raise('s', 2, 0)
  assert.deepEqual(suspicions.due(0), ['s'])
  const first = suspicions.begin('s', [], 0)
  suspicions.raise('s', 1, 5)
  assert.deepEqual(suspicions.due(5), [], 'one round at a time')
  suspicions.found(first, { outcome: 'unknown' }, 10)
  assert.deepEqual(suspicions.due(59), [])
  assert.deepEqual(suspicions.due(60), ['s'])
  suspicions.begin('s', ['p'], 60)
  suspicions.tick(409)
  assert.deepEqual(suspicions.due(409), [])
  suspicions.tick(410)
  assert.deepEqual(suspicions.due(1000), [], 'no attempts are left')
})

test('what a peer was asked in one term is no answer in the next, on a link that outlives both', () => {
  const asked = [1, 2, 3, 2 ** 53 - 1].map((epoch) => {
    const suspicions = new Suspicions(epoch)
    suspicions.raise('s', 1, 0)
    return suspicions.begin('s', ['p'], 0)
  })
  assert.equal(new Set(asked).size, asked.length)
  assert.ok(asked.every(Number.isSafeInteger))
})
