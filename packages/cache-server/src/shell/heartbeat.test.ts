import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Timer } from '@icf/common'
import { Heartbeat } from './heartbeat.js'

describe('heartbeats', () => {
  it('come every interval by themselves', () => {
    const { sent, pass } = start()
    pass(300)
    assert.deepEqual(sent, [0, 100, 200, 300])
  })

  it('fall in with answers to a master that are somewhat rarer', () => {
    const { heartbeat, sent, pass } = start()
    pass(30)
    const answers: number[] = []
    for (let at = 30; at < 5000; at += 106) {
      answers.push(at)
      heartbeat.along()
      pass(106)
    }
    assert.deepEqual(sent.slice(-20), answers.slice(-20))
    for (const [i, at] of sent.entries()) assert.ok(i === 0 || at - sent[i - 1]! >= 75)
  })

  it('come no more often for answers that are frequent', () => {
    const { heartbeat, sent, pass } = start()
    for (let ms = 0; ms < 1000; ms += 10) {
      pass(10)
      heartbeat.along()
    }
    assert.ok(sent.length <= 14, String(sent.length))
  })

  it('go on by themselves when answers end', () => {
    const { heartbeat, sent, pass } = start()
    pass(80)
    heartbeat.along()
    pass(325)
    assert.deepEqual(sent, [0, 80, 205, 305, 405])
  })

  it('end', () => {
    const { heartbeat, sent, pass } = start()
    heartbeat.stop()
    pass(200)
    heartbeat.along()
    assert.deepEqual(sent, [0])
  })
})

/** Heartbeats every 100 ms of a time that passes only by `pass`. */
function start(): { heartbeat: Heartbeat; sent: number[]; pass(ms: number): void } {
  let nowMs = 0
  let due: { at: number; run: () => void } | undefined
  const sent: number[] = []
  const heartbeat = new Heartbeat(
    {
      now: () => nowMs,
      setTimeout: (run, delayMs) => {
        due = { at: nowMs + delayMs, run }
        return due as unknown as Timer
      },
      clear: () => (due = undefined),
    },
    () => sent.push(nowMs),
  )
  heartbeat.start(100)
  const pass = (ms: number): void => {
    for (let i = 0; i < ms; i++) {
      nowMs++
      if (due && nowMs >= due.at) due.run()
    }
  }
  return { heartbeat, sent, pass }
}
