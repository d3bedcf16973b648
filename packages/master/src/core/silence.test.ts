import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTiming } from '@icf/common'
import { Silence } from './silence.js'

const WITNESS = 'witness'

/** Ticks every 25 ms from `from` to `until`, `talking` being heard each time; returns who was found dead, and when first. */
function run(
  silence: Silence,
  from: number,
  until: number,
  talking: readonly string[] = [WITNESS],
): Map<string, number> {
  const dead = new Map<string, number>()
  for (let now = from; now <= until; now += 25) {
    for (const id of talking) silence.heard(id, now)
    for (const id of silence.tick(now)) if (!dead.has(id)) dead.set(id, now)
  }
  return dead
}

test('a server is dead after deadAfterMs without a heartbeat, not before', () => {
  const silence = new Silence(defaultTiming, 300)
  silence.heard('a', 0)
  silence.heard('b', 200)
  assert.deepEqual([...run(silence, 0, 1475)], [])
  assert.deepEqual([...run(silence, 1500, 1675)], [['a', 1500]])
  assert.deepEqual(silence.tick(1700), ['a', 'b'])
})

test('an isolated one is dead as soon as no lease can run any more', () => {
  const silence = new Silence(defaultTiming, 300)
  silence.heard('a', 0)
  silence.heard('b', 0)
  run(silence, 0, 1075)
  assert.deepEqual(silence.tick(1099, new Set(['a'])), [])
  assert.deepEqual(silence.tick(1100, new Set(['a'])), ['a'])
})

test('a heartbeat arms the deadline anew, a forgotten server has none', () => {
  const silence = new Silence(defaultTiming, 300)
  silence.heard('a', 0)
  silence.heard('b', 0)
  run(silence, 0, 1000)
  silence.heard('a', 1000)
  silence.forget('b')
  assert.deepEqual([...run(silence, 1025, 3000)], [['a', 2500]])
  assert.equal(silence.of('a', 2000), 1000)
})

test('after a pause of the master itself everybody gets some grace', () => {
  for (const [pauseMs, deadAt] of [
    [700, 1700],
    [775, 1775 + 750],
    [60_000, 61_000 + 750],
  ] as const) {
    const silence = new Silence(defaultTiming, 300)
    silence.heard('a', 0)
    run(silence, 0, 1000)
    const resumedAt = 1000 + pauseMs
    const dead = run(silence, resumedAt, resumedAt + 2000)
    assert.equal(dead.get('a'), deadAt, `pause of ${pauseMs} ms`)
  }
})

test('a master that hears nobody declares nobody dead, and gives grace when it hears again', () => {
  const silence = new Silence(defaultTiming, 300)
  for (const id of ['a', 'b', 'c']) silence.heard(id, 0)
  assert.deepEqual([...run(silence, 0, 60_000, [])], [])
  const dead = run(silence, 60_025, 65_000, ['b'])
  const deadAt = 60_025 + 750
  assert.deepEqual(dead, new Map(['a', 'c'].map((id) => [id, deadAt])))
})

test('who comes back when a term began leaves time to those behind it, up to a bound', () => {
  for (const [lastAt, silentAt] of [
    [0, 1500],
    [1400, 2900],
    [5000, 6500],
    [100_000, 60_000],
  ] as const) {
    const silence = new Silence(defaultTiming, 300)
    silence.heard('late', 0)
    silence.hold(['late'], 1500, 0)
    let now = 0
    for (; !silence.tick(now).includes('late'); now += 25) {
      silence.heard(WITNESS, now)
      if (now % 200 === 0 && now <= lastAt) silence.returned(`${now}`, now)
    }
    assert.equal(now, silentAt, `the last one is back at ${lastAt} ms`)
  }
})

test('a master that is busy after a term began gives all the time that this takes, up to a bound', () => {
  for (const [busyUntil, silentAt] of [
    [0, 1500],
    [1400, 3000],
    [100_000, 60_000],
  ] as const) {
    const silence = new Silence(defaultTiming, 300)
    silence.heard('late', 0)
    silence.hold(['late'], 1500, 0)
    let now = 0
    for (; !silence.tick(now).includes('late'); now += now < busyUntil ? 125 : 25) silence.heard(WITNESS, now)
    assert.equal(now, silentAt, `busy until ${busyUntil} ms`)
  }
})

test('when all are back, a master that is busy gives no more time than ever', () => {
  const silence = new Silence(defaultTiming, 300)
  silence.hold(['a'], 1500, 0)
  silence.returned('a', 100)
  let now = 100
  for (; !silence.tick(now).includes('a'); now += 125) silence.heard(WITNESS, now)
  assert.equal(now, 1600)
})

test('who falls silent with nobody else does not hide behind the last heartbeats of the others', () => {
  const silence = new Silence(defaultTiming, 300)
  silence.heard('a', 0)
  run(silence, 0, 100, ['b', 'c'])
  assert.deepEqual(
    [...run(silence, 125, 5000, ['c'])],
    [
      ['a', 1500],
      ['b', 1600],
    ],
  )
})
