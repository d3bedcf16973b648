import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { forEachBounded } from './pool.js'

async function observe(weights: number[], limits: { items: number; weight: number }) {
  let [items, weight, mostItems, mostWeight, done] = [0, 0, 0, 0, 0]
  await forEachBounded(
    weights,
    (w) => w,
    limits,
    async (w) => {
      items++
      weight += w
      mostItems = Math.max(mostItems, items)
      mostWeight = Math.max(mostWeight, weight)
      await setImmediate()
      items--
      weight -= w
      done++
    },
  )
  return { mostItems, mostWeight, done }
}

test('at most so many at once', async () => {
  assert.deepEqual(await observe(Array<number>(20).fill(1), { items: 3, weight: 100 }), {
    mostItems: 3,
    mostWeight: 3,
    done: 20,
  })
})

test('at most so much weight at once', async () => {
  const { mostWeight, done } = await observe([4, 4, 4, 4, 1, 1, 1], { items: 10, weight: 9 })
  assert.ok(mostWeight <= 9)
  assert.equal(done, 7)
})

test('an item heavier than the limit goes alone', async () => {
  const { mostWeight, done } = await observe([1, 50, 1], { items: 10, weight: 9 })
  assert.equal(mostWeight, 50)
  assert.equal(done, 3)
})

test('nothing to do', async () => {
  assert.equal((await observe([], { items: 1, weight: 1 })).done, 0)
})

test('the first failure stops it, when what is under way has ended', async () => {
  const ended: number[] = []
  const run = forEachBounded(
    [1, 2, 3, 4, 5, 6],
    () => 1,
    { items: 2, weight: 10 },
    async (n) => {
      await setImmediate()
      if (n === 2) throw new Error('two')
      ended.push(n)
    },
  )
  await assert.rejects(run, /two/)
  assert.ok(ended.includes(1))
  assert.ok(!ended.includes(6))
})
