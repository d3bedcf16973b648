import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Silence } from './silence.js'

/** Ticks every 25 ms up to `until`; returns who was found dead, and when first. */
function run(silence: Silence, from: number, until: number): Map<string, number> {
  const dead = new Map<string, number>()
  for (let now = from; now <= until; now += 25)
    for (const id of silence.tick(now)) if (!dead.has(id)) dead.set(id, now)
  return dead
}

test('a server is dead after deadAfterMs without a heartbeat, not before', () => {
  const silence = new Silence(1500)
  silence.heard('a', 0)
  silence.heard('b', 200)
  assert.deepEqual([...run(silence, 0, 1475)], [])
  assert.deepEqual(silence.tick(1500), ['a'])
  assert.deepEqual(silence.tick(1700), ['a', 'b'])
})

test('a heartbeat arms the deadline anew, a forgotten server has none', () => {
  const silence = new Silence(1500)
  silence.heard('a', 0)
  silence.heard('b', 0)
  run(silence, 0, 1000)
  silence.heard('a', 1000)
  silence.forget('b')
  assert.deepEqual([...run(silence, 1025, 3000)], [['a', 2500]])
  assert.equal(silence.of('a', 2000), 1000)
})

test('after a pause of the master itself everybody gets a fresh grace', () => {
  for (const [pauseMs, isGrace] of [
    [700, false],
    [751, true],
    [60_000, true],
  ] as const) {
    const silence = new Silence(1500)
    silence.heard('a', 0)
    run(silence, 0, 1000)
    const resumedAt = 1000 + pauseMs
    const dead = run(silence, resumedAt, resumedAt + 2000)
    assert.equal(dead.get('a'), isGrace ? resumedAt + 1500 : 1700, `pause of ${pauseMs} ms`)
  }
})
