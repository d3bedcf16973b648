import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CopyWindow, LEAST_BYTES, MOST_BYTES } from './copy-window.js'

describe('a copy window', () => {
  let window: CopyWindow
  let now: number

  beforeEach(() => {
    window = new CopyWindow()
    now = 0
  })

  const bytes = (): number => window.bytesAt(now)
  const pass = (ms: number): void => void (now += ms)
  /** A whole window after the other is sent, and acknowledged after so many ms. */
  const acknowledged = (count: number, tookMs: number): void => {
    for (let n = 0; n < count; n++) {
      while (bytes() === 0) pass(1)
      const sent = bytes()
      pass(tookMs)
      window.acknowledged(sent, tookMs, now)
    }
  }

  it('is wide at first, and stays so as long as acknowledgements come at once', () => {
    acknowledged(100, 0.5)
    assert.equal(bytes(), MOST_BYTES)
  })

  it('gives way when they take longer, and opens again', () => {
    acknowledged(1, 1)
    acknowledged(1, 100)
    assert.equal(bytes(), MOST_BYTES / 2)
    acknowledged(1, 100)
    assert.equal(bytes(), LEAST_BYTES)
    acknowledged(20, 1)
    assert.equal(bytes(), MOST_BYTES)
  })

  it('rests where the least is too much, in proportion to how long that took', () => {
    acknowledged(1, 1)
    acknowledged(20, 8)
    assert.equal(bytes(), 0)
    pass(23)
    assert.equal(bytes(), 0)
    pass(1)
    assert.equal(bytes(), LEAST_BYTES)
    acknowledged(10, 1)
    assert.ok(bytes() >= LEAST_BYTES)
  })

  it('rests only for a while, however long it takes', () => {
    acknowledged(1, 1)
    acknowledged(10, 500)
    assert.equal(bytes(), 0)
    pass(25)
    assert.equal(bytes(), LEAST_BYTES)
  })

  it('stays as it is when they take just what they are to take longer', () => {
    acknowledged(1, 1)
    acknowledged(1, 100)
    acknowledged(100, 3)
    assert.equal(bytes(), MOST_BYTES / 2)
  })

  it('takes a long way for what it is', () => {
    acknowledged(100, 80)
    assert.equal(bytes(), MOST_BYTES)
  })

  it('finds out that the way has become longer', () => {
    acknowledged(10, 1)
    acknowledged(20, 100)
    pass(25)
    assert.equal(bytes(), LEAST_BYTES)
    acknowledged(400, 100)
    assert.equal(bytes(), MOST_BYTES)
  })
})
