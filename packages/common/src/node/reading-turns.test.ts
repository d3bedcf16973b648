import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ReadingTurns, type Reading } from './reading-turns.js'

describe('reading in turns', () => {
  it('admits all while they have not taken the time of the turn', () => {
    const loop = new Loop()
    const [a, b] = [loop.connection('a', 2), loop.connection('b', 2)]
    for (const each of [a, b, a]) each.comes()
    assert.deepEqual(loop.handled, ['a', 'b', 'a'])
  })

  it('lets what comes later wait for the next turn', () => {
    const loop = new Loop()
    const [a, b, c] = [loop.connection('a', 6), loop.connection('b', 1), loop.connection('c', 1)]
    for (const each of [a, b, a, c]) each.comes()
    assert.deepEqual(loop.handled, ['a'])
    loop.turn()
    assert.deepEqual(loop.handled, ['a', 'b', 'a'])
    loop.turn()
    assert.deepEqual(loop.handled, ['a', 'b', 'a', 'c'])
  })

  it('begins a turn anew when nothing came in the one before', () => {
    const loop = new Loop()
    const a = loop.connection('a', 6)
    for (let round = 0; round < 3; round++) {
      a.comes()
      loop.turn()
    }
    assert.deepEqual(loop.handled, ['a', 'a', 'a'])
    assert.ok(!loop.isBusy)
  })

  it('lets what is new wait behind what has waited', () => {
    const loop = new Loop()
    const [a, b, c] = [loop.connection('a', 6), loop.connection('b', 6), loop.connection('c', 6)]
    for (const each of [a, b, c]) each.comes()
    loop.turn()
    a.comes()
    assert.deepEqual(loop.handled, ['a', 'b'])
    loop.turn()
    loop.turn()
    assert.deepEqual(loop.handled, ['a', 'b', 'c', 'a'])
  })

  it('serves each of many that always have something once before any of them again', () => {
    const loop = new Loop()
    const names = Array.from({ length: 20 }, (_, i) => `${i}`)
    const all = names.map((name) => loop.connection(name, 3))
    for (let turn = 0; turn < 30; turn++) {
      for (const each of all) each.comes()
      loop.turn()
    }
    for (let at = 0; at + 20 <= loop.handled.length; at += 20)
      assert.deepEqual(new Set(loop.handled.slice(at, at + 20)), new Set(names))
  })

  it('forgets one that leaves', () => {
    const loop = new Loop()
    const [a, b] = [loop.connection('a', 6), loop.connection('b', 6)]
    a.comes()
    b.comes()
    loop.turns.leave(b)
    loop.turn()
    assert.deepEqual(loop.handled, ['a'])
    assert.ok(!loop.isBusy)
  })
})

/** An event loop of which time passes only where something is handled. */
class Loop {
  readonly handled: string[] = []
  readonly turns = new ReadingTurns({ now: () => this.#now, setImmediate: (run) => this.#due.push(run) })
  #now = 0
  #due: (() => void)[] = []

  get isBusy(): boolean {
    return this.#due.length > 0
  }

  /** @param costMs of each piece that comes on it */
  connection(name: string, costMs: number): Reading & { comes(): void } {
    let isKept = false
    const handle = (): void => {
      this.#now += costMs
      this.handled.push(name)
    }
    const reading: Reading & { comes(): void } = {
      // One that waits is not read.
      comes: () => {
        if (isKept) return
        if (this.turns.admit(reading)) handle()
        else isKept = true
      },
      goOn: () => {
        isKept = false
        assert.ok(this.turns.admit(reading))
        handle()
      },
    }
    return reading
  }

  /** The turn ends, and the next begins with what is due. */
  turn(): void {
    const due = this.#due
    this.#due = []
    for (const run of due) run()
  }
}
