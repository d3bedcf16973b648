import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Timer } from '@icf/common'
import { Ticker } from './ticker.js'

const INTERVAL_MS = 25

describe('a ticker', () => {
  it('ticks by its timer when nothing else wakes the process', () => {
    const { ticks, pass } = start()
    pass(100)
    assert.deepEqual(ticks, [25, 50, 75, 100])
  })

  it('ticks along with what wakes it shortly before, and then begins anew', () => {
    const { ticker, ticks, pass, clock } = start()
    pass(25)
    pass(20)
    ticker.poke(clock.now())
    pass(24)
    assert.deepEqual(ticks, [25, 45])
    pass(1)
    assert.deepEqual(ticks, [25, 45, 70])
  })

  it('does not tick more often for all that wakes it', () => {
    const { ticker, ticks, pass, clock } = start()
    pass(25)
    for (let i = 0; i < 100; i++) {
      pass(1)
      ticker.poke(clock.now())
    }
    assert.deepEqual(ticks, [25, 45, 65, 85, 105, 125])
  })

  it('ticks no more once it was stopped', () => {
    const { ticker, ticks, pass, clock } = start()
    ticker.stop()
    pass(100)
    ticker.poke(clock.now())
    assert.deepEqual(ticks, [])
  })
})

/** A ticker of which time passes only by `pass`. */
function start(): {
  ticker: Ticker
  ticks: number[]
  clock: { now(): number }
  pass(ms: number): void
} {
  let nowMs = 0
  let dueAt = Infinity
  const ticks: number[] = []
  const clock = { now: () => nowMs }
  const timer: Timer = { refresh: () => (dueAt = nowMs + INTERVAL_MS), unref: () => timer }
  let run = (): void => undefined
  const ticker = new Ticker(
    {
      ...clock,
      setInterval: (toRun) => {
        run = toRun
        timer.refresh()
        return timer
      },
      clear: () => (dueAt = Infinity),
    },
    INTERVAL_MS,
    () => ticks.push(nowMs),
  )
  ticker.start()
  const pass = (ms: number): void => {
    for (let i = 0; i < ms; i++) {
      nowMs++
      if (nowMs < dueAt) continue
      timer.refresh()
      run()
    }
  }
  return { ticker, ticks, clock, pass }
}
