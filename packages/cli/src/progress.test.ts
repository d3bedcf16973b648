import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress, progressBar, remainingMs } from './progress.js'

test('the bar fills in eighths and never overflows', () => {
  assert.equal(progressBar(0, 4), '░░░░')
  assert.equal(progressBar(0.5, 4), '██░░')
  assert.equal(progressBar(0.5 / 4, 4), '▌░░░')
  assert.equal(progressBar(1, 4), '████')
  assert.equal(progressBar(7, 4), '████')
  assert.equal(progressBar(-1, 4), '░░░░')
  for (let share = 0; share <= 1; share += 0.001) assert.equal(Array.from(progressBar(share, 7)).length, 7)
})

test('the remaining time follows the average speed, and nothing is guessed at first', () => {
  assert.equal(remainingMs(0.25, 10_000), 30_000)
  assert.equal(remainingMs(0.5, 100), undefined)
  assert.equal(remainingMs(undefined, 10_000), undefined)
  assert.equal(remainingMs(1, 10_000), undefined)
})

test('nothing is drawn where stderr is no terminal', () => {
  const written: string[] = []
  const stream = {
    isTTY: false,
    write: (text: string) => written.push(text),
  } as unknown as NodeJS.WriteStream
  const progress = new Progress('load', () => ({ share: 0.5, text: 'x' }), stream)
  progress.stop()
  assert.deepEqual(written, [])
})
