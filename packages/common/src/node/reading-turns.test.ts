import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ReadingTurns, type Reading } from './reading-turns.js'

/** As much as is read at once. */
const PIECE_BYTES = 65_536

/** So much that it is timed, also when it comes first in its turn; and so little that it is not. */
const SOME_BYTES = 5000
const LITTLE_BYTES = 100

/** Of a turn. */
const MOST_BYTES = 1024 ** 2

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

  it('tells turns apart though each took little', () => {
    const loop = new Loop()
    const a = loop.connection('a', 0.5)
    for (let round = 0; round < 30; round++) {
      a.comes()
      loop.turn()
    }
    assert.equal(loop.handled.length, 30)
  })

  it('does not look at the clock for the little that comes alone', () => {
    const loop = new Loop()
    const a = loop.connection('a', 1)
    for (let round = 0; round < 3; round++) {
      a.comes(LITTLE_BYTES)
      loop.turn()
    }
    assert.equal(loop.looksAtClock, 0)
  })

  it('times all that comes after the first', () => {
    const loop = new Loop()
    const [a, b, c] = [loop.connection('a', 1), loop.connection('b', 6), loop.connection('c', 1)]
    for (const each of [a, b, c]) each.comes(LITTLE_BYTES)
    assert.deepEqual(loop.handled, ['a', 'b'])
    loop.turn()
    assert.deepEqual(loop.handled, ['a', 'b', 'c'])
  })

  it('lets wait what comes after many bytes, however little time they took', () => {
    const loop = new Loop()
    const all = Array.from({ length: 100 }, (_, i) => loop.connection(`${i}`, 0))
    for (const each of all) each.comes(PIECE_BYTES)
    assert.equal(loop.handled.length, MOST_BYTES / PIECE_BYTES)
    for (let handled = loop.handled.length; loop.isBusy; handled = loop.handled.length) {
      loop.turn()
      assert.ok(loop.handled.length - handled <= MOST_BYTES / PIECE_BYTES)
    }
    assert.equal(loop.handled.length, 100)
  })

  it('counts a frame with all its bytes when the last of them come', () => {
    const loop = new Loop()
    const [large, next] = [loop.connection('large', 0, 4 * 1024 ** 2, true), loop.connection('next', 0)]
    large.comes(PIECE_BYTES)
    next.comes()
    assert.deepEqual(loop.handled, ['large'])
    loop.turn()
    assert.deepEqual(loop.handled, ['large', 'next'])
  })

  it('lets only the few frames go on of which most has come while all together hold much', () => {
    const loop = new Loop()
    const large = [1, 2, 3, 3.5, 2.5, 1.5, 0.5, 3.2].map((mib) =>
      loop.connection(`${mib} MiB`, 0, mib * 1024 ** 2),
    )
    const small = loop.connection('small', 0)
    for (const each of large) each.comes(PIECE_BYTES)
    small.comes()
    loop.turn()
    assert.deepEqual(loop.handled, ['3 MiB', '3.5 MiB', '2.5 MiB', '3.2 MiB', 'small'])
    // Those are complete.
    loop.turns.hold(-12.2 * 1024 ** 2)
    loop.turn()
    assert.deepEqual(loop.handled.slice(5), ['1 MiB', '2 MiB', '1.5 MiB', '0.5 MiB'])
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
  looksAtClock = 0
  readonly turns = new ReadingTurns({
    now: () => {
      this.looksAtClock++
      return this.#now
    },
    setImmediate: (run) => this.#due.push(run),
  })
  #now = 0
  #due: (() => void)[] = []

  get isBusy(): boolean {
    return this.#due.length > 0
  }

  /**
   * @param costMs of each piece that comes on it
   * @param isCompleted by the next piece
   */
  connection(
    name: string,
    costMs: number,
    heldBytes = 0,
    isCompleted = false,
  ): Reading & { comes(bytes?: number): void } {
    let kept: number | undefined
    const come = (bytes: number): void => {
      if (!this.turns.admit(reading, bytes)) {
        kept = bytes
        return
      }
      this.#now += costMs
      this.handled.push(name)
      if (isCompleted) this.turns.hold(-heldBytes)
      this.turns.handled()
    }
    const reading = {
      heldBytes,
      // One that waits is not read.
      comes(bytes = SOME_BYTES) {
        if (kept === undefined) come(bytes)
      },
      goOn() {
        const bytes = kept!
        kept = undefined
        come(bytes)
      },
    }
    this.turns.hold(heldBytes)
    return reading
  }

  /** The turn ends, and the next begins with what is due. */
  turn(): void {
    // What happens beside is none of its time.
    this.#now += 100
    const due = this.#due
    this.#due = []
    for (const run of due) run()
  }
}
