import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { World } from './world.js'

describe('the virtual world', () => {
  it('lets events happen by their time, and those of one instant in order', async () => {
    const world = new World(1)
    const seen: string[] = []
    const note = (text: string) => (): void => void seen.push(`${world.now} ${text}`)
    world.after(2, note('c'))
    world.after(0.5, note('a'))
    world.after(2, note('d'))
    world.after(1, () => {
      world.afterAllElse(note('last'))
      world.after(0, note('b'))
    })
    await world.run(10)
    assert.deepEqual(seen, ['0.5 a', '1 b', '1 last', '2 c', '2 d'])
    assert.equal(world.now, 10)
    assert.equal(world.steps, 6)
  })

  it('goes no further than it is told to', async () => {
    const world = new World(1)
    let count = 0
    const tick = (): void => {
      count++
      world.after(1, tick)
    }
    world.after(1, tick)
    await world.run(5)
    assert.deepEqual([count, world.now], [5, 5])
    await world.run(100, () => count === 8)
    assert.deepEqual([count, world.now], [8, 8])
  })

  it('lets promises and ticks run dry before the next event', async () => {
    const world = new World(1)
    const seen: string[] = []
    const deep = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => process.nextTick(resolve))
      seen.push('promises')
    }
    world.after(0, () => void deep())
    world.after(0, () => void seen.push('next'))
    await world.run(1)
    assert.deepEqual(seen, ['promises', 'next'])
  })

  it('waits after a quiet event only when a process had a turn in it', async () => {
    const world = new World(1)
    const seen: string[] = []
    world.afterQuietly(0, () => void Promise.resolve().then(() => seen.push('left over')))
    world.afterQuietly(0, () => {
      seen.push('quiet')
      world.countTurn()
      void Promise.resolve().then(() => seen.push('turn'))
    })
    world.afterQuietly(0, () => void seen.push('end'))
    await world.run(1)
    assert.deepEqual(seen, ['quiet', 'left over', 'turn', 'end'])
  })

  it('rejects with what an event throws, and can go on after it', async () => {
    const world = new World(1)
    let wentOn = false
    world.after(1, () => {
      throw new Error('broken')
    })
    world.after(2, () => (wentOn = true))
    await assert.rejects(world.run(5), /broken/)
    assert.equal(world.now, 1)
    await world.run(5)
    assert.ok(wentOn)
  })

  it('rejects with what nobody catches, before the next event', async () => {
    const strays: (() => void)[] = [
      () => void Promise.reject(new Error('stray')),
      () =>
        process.nextTick(() => {
          throw new Error('stray')
        }),
      () =>
        queueMicrotask(() => {
          throw new Error('stray')
        }),
    ]
    for (const stray of strays) {
      const world = new World(1)
      world.after(1, stray)
      world.after(2, () => assert.fail('it went on'))
      await assert.rejects(world.run(5), /stray/)
    }
  })
})
