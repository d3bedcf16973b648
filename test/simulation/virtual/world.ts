import assert from 'node:assert/strict'
import { Random } from '@icf/testkit/random'
import { EventHeap } from './event-heap.js'
import { catchStrays } from './strays.js'

/** Immediates of Node that are queued at once: a round of its event loop for each step would cost more than the step. */
const STEPS_PER_ROUND = 256

/** Added to the order of what comes after everything else of its instant. */
const LAST = 2 ** 52

/**
 * Virtual time: what is due next happens next, and nothing happens between. All in milliseconds, with fractions. Between
 * two events everything runs dry that the first one left to promises and to `process.nextTick`.
 */
export class World {
  now = 0
  /** Events so far. */
  steps = 0
  readonly random: Random
  readonly trace: ((line: string) => void) | undefined
  readonly #events = new EventHeap()
  #order = 0
  #turns = 0
  #failure: { readonly error: unknown } | undefined

  constructor(seed: number, trace?: (line: string) => void) {
    this.random = new Random(seed)
    this.trace = trace
  }

  /** Events of the same instant happen in the order in which they were asked for. */
  after(delayMs: number, run: () => void): void {
    this.#events.push({ at: this.now + delayMs, order: this.#order++, isQuiet: false, run })
  }

  /** For what kernels and networks do: it is only waited for afterwards when a process had a turn in it. */
  afterQuietly(delayMs: number, run: () => void): void {
    this.#events.push({ at: this.now + delayMs, order: this.#order++, isQuiet: true, run })
  }

  /** At this instant, after everything else that happens in it. */
  afterAllElse(run: () => void): void {
    this.#events.push({ at: this.now, order: LAST + this.#order++, isQuiet: false, run })
  }

  /** A process runs its code in the present event. */
  countTurn(): void {
    this.#turns++
  }

  log(text: string): void {
    this.trace?.(`${this.now.toFixed(3).padStart(12)}  ${text}`)
  }

  /** Lets happen what is due until `isDone` after some event. Rejects with `what` when it has not come to that in so many ms. */
  async until(what: string, isDone: () => boolean, patienceMs: number): Promise<void> {
    let isReached = false
    await this.run(this.now + patienceMs, () => (isReached = isDone()))
    assert.ok(isReached, `not within ${patienceMs} ms: ${what}`)
  }

  /**
   * Lets happen what is due up to `untilMs`, which is then the time; or up to the event after which `isDone`. Only one world
   * at a time may run. Rejects with what an event throws, and with an error or a rejection that nobody catches.
   */
  run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const release = catchStrays((error) => (this.#failure ??= { error }))
      let isOver = false
      let queued = 0
      const finish = (settle: () => void): void => {
        isOver = true
        this.#failure = undefined
        release()
        settle()
      }
      const step = (): void => {
        queued--
        if (isOver) return
        try {
          if (this.#failure) throw this.#failure.error
          if (isDone() || !this.#advance(untilMs)) return finish(resolve)
        } catch (error) {
          // eslint-disable-next-line typescript/prefer-promise-reject-errors -- whatever it was
          return finish(() => reject(error))
        }
        if (queued === 0) queue()
      }
      const queue = (): void => {
        for (; queued < STEPS_PER_ROUND; queued++) setImmediate(step)
      }
      queue()
    })
  }

  /** Up to an event that must be waited for; false when none is left that is due. */
  #advance(untilMs: number): boolean {
    const turns = this.#turns
    for (;;) {
      const event = this.#events.next
      if (!event || event.at > untilMs) {
        if (this.#turns !== turns) return true
        this.now = Math.max(this.now, untilMs)
        return false
      }
      this.#events.pop()
      this.now = event.at
      this.steps++
      event.run()
      if (!event.isQuiet || this.#turns !== turns) return true
    }
  }
}
