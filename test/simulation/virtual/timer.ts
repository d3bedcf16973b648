import type { Timer } from '@icf/common'
import type { VirtualProcess } from './process.js'

/** Longest delay of a timer of Node; a longer one is taken for 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** A timer of Node, which counts whole milliseconds of its process's clock: it may be up to one early. */
export class VirtualTimer implements Timer {
  #dueMs = 0
  #isActive = false
  #isCleared = false
  /** An event of the world is coming for it; never later than it is due, unless the clock stood still. */
  #isAwaited = false
  readonly #delayMs: number

  constructor(
    private readonly process: VirtualProcess,
    private readonly job: () => void,
    delayMs: number,
    private readonly repeats: boolean,
  ) {
    this.#delayMs = delayMs >= 1 && delayMs <= MAX_DELAY_MS ? Math.trunc(delayMs) : 1
    this.refresh()
  }

  refresh(): this {
    if (this.#isCleared) return this
    this.#isActive = true
    this.#dueMs = Math.floor(this.process.now()) + this.#delayMs
    this.#await()
    return this
  }

  unref(): this {
    return this
  }

  clear(): void {
    this.#isCleared = true
    this.#isActive = false
  }

  /** Looks whether it is due, and runs it if so. */
  readonly check = (): void => {
    this.#isAwaited = false
    if (!this.#isActive || !this.process.isAlive) return
    if (this.process.isStopped) return this.process.holdTimer(this)
    if (this.process.untilMs(this.#dueMs) > 0) return this.#await()
    this.process.turn('timer', this.#fire)
  }

  readonly #fire = (): void => {
    if (!this.#isActive) return
    this.#isActive = false
    try {
      this.job()
    } finally {
      if (this.repeats) this.refresh()
    }
  }

  #await(): void {
    if (this.#isAwaited) return
    this.#isAwaited = true
    this.process.world.afterQuietly(this.process.untilMs(this.#dueMs), this.check)
  }
}
