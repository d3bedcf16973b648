import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FramePace } from './frame-pace.js'

/** Answers the calls from `first` on. */
function answer(pace: FramePace, first: number, count: number): void {
  pace.heard()
  for (let id = first; id < first + count; id++) pace.answered(id)
}

test('a lone call leaves at once', () => {
  const pace = new FramePace()
  assert.ok(pace.allows(1))
  pace.sent(0, 1)
  answer(pace, 0, 1)
  assert.ok(pace.allows(1))
})

test('calls wait until they are half of those of the last frame that are not answered', () => {
  const pace = new FramePace()
  pace.sent(0, 10)
  assert.deepEqual([pace.allows(4), pace.allows(5)], [false, true])
  answer(pace, 0, 4)
  assert.deepEqual([pace.allows(2), pace.allows(3)], [false, true])
  answer(pace, 4, 6)
  assert.ok(pace.allows(1))
})

test('the frame before the last counts, too, those before that do not', () => {
  const pace = new FramePace()
  pace.sent(0, 100)
  pace.heard()
  pace.sent(100, 20)
  pace.heard()
  pace.sent(120, 10)
  pace.heard()
  assert.deepEqual([pace.allows(14), pace.allows(15)], [false, true])
  answer(pace, 0, 100)
  assert.deepEqual([pace.allows(14), pace.allows(15)], [false, true])
  answer(pace, 100, 20)
  assert.deepEqual([pace.allows(4), pace.allows(5)], [false, true])
})

test('after two frames without a word from the server nothing leaves', () => {
  const pace = new FramePace()
  pace.sent(0, 1)
  assert.ok(!pace.isFull)
  pace.sent(1, 1)
  assert.ok(pace.isFull)
  assert.ok(!pace.allows(1000))
  pace.heard()
  assert.ok(!pace.isFull)
  assert.ok(pace.allows(1))
})

test('what is released waits for nothing that was sent before', () => {
  const pace = new FramePace()
  pace.sent(0, 100)
  pace.sent(100, 100)
  pace.release()
  assert.ok(pace.allows(1))
  pace.sent(200, 10)
  answer(pace, 0, 200)
  assert.deepEqual([pace.allows(4), pace.allows(5)], [false, true])
})

test('an answer counts for the frame that its id is of, though ids begin anew, and any other for none', () => {
  const pace = new FramePace()
  pace.sent(1000, 10)
  pace.heard()
  pace.sent(0, 20)
  answer(pace, 1000, 10)
  assert.deepEqual([pace.allows(9), pace.allows(10)], [false, true])
  // The call of a long value leaves in a frame of its own, which holds nothing up.
  answer(pace, 20, 1)
  assert.deepEqual([pace.allows(9), pace.allows(10)], [false, true])
  answer(pace, 0, 20)
  assert.ok(pace.allows(1))
})
