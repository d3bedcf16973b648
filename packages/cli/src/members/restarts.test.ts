import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Restarts } from './restarts.js'

const READY = { wasReady: true }
const NOT_READY = { wasReady: false }

let starts: number
const member = { start: () => void starts++ }

beforeEach(() => {
  starts = 0
  mock.timers.enable({ apis: ['setTimeout'] })
})
afterEach(() => mock.timers.reset())

/** Lets it end, and returns after how many steps of half a second it is started again. */
function endAndWait(restarts: Restarts, ending: typeof READY): number {
  const before = starts
  restarts.add(member, ending)
  for (let steps = 1; steps <= 40; steps++) {
    assert.equal(restarts.isEmpty, false)
    mock.timers.tick(500)
    if (starts > before) return steps
  }
  assert.fail('it was not started again within 20 s')
}

test('what does not come to listen is started ever more rarely, but every ten seconds at least', () => {
  const restarts = new Restarts()
  const steps = Array.from({ length: 8 }, () => endAndWait(restarts, NOT_READY))
  assert.deepEqual(steps, [1, 2, 4, 8, 16, 20, 20, 20])
  assert.equal(restarts.isEmpty, true)
})

test('what did listen is started soon, whatever was before', () => {
  const restarts = new Restarts()
  for (let n = 0; n < 4; n++) endAndWait(restarts, NOT_READY)
  assert.equal(endAndWait(restarts, READY), 1)
  assert.equal(endAndWait(restarts, NOT_READY), 2)
})

test('after a stop nothing is started', () => {
  const restarts = new Restarts()
  restarts.add(member, READY)
  restarts.stop()
  assert.equal(restarts.isEmpty, true)
  mock.timers.tick(60_000)
  assert.equal(starts, 0)
})
