import type { Runtime } from '../runtime.js'

/** How long the connections of a process may be read in one turn of the event loop, in ms; what is begun is finished. */
const TURN_MS = 5

/** A connection of which what has come can wait. */
export interface Reading {
  /** Handles what has come; nothing when the connection is not to be read now. */
  goOn(): void
}

/**
 * Shares each turn of the event loop among the connections of a process. Once they have taken their time, what comes on
 * others waits for the next turn, in which those that wait come before what is new, in their order.
 */
export class ReadingTurns {
  /** When the present turn began, by the runtime's clock. */
  #beganAt = 0
  /** It ends after what the sockets that are readable now bring. */
  #isRunning = false
  readonly #waiting = new Set<Reading>()
  #current: Reading | undefined

  constructor(private readonly runtime: Pick<Runtime, 'now' | 'setImmediate'>) {}

  /** True: what has come is to be handled now. False: it has to be kept, and nothing more read, until `goOn` is called. */
  admit(reading: Reading): boolean {
    if (reading === this.#current) return true
    if (!this.#isRunning) this.#begin()
    if (this.#waiting.size === 0 && !this.#isOver) return true
    this.#waiting.add(reading)
    return false
  }

  /** The connection is closed. */
  leave(reading: Reading): void {
    this.#waiting.delete(reading)
  }

  get #isOver(): boolean {
    return this.runtime.now() - this.#beganAt >= TURN_MS
  }

  #begin(): void {
    this.#isRunning = true
    this.#beganAt = this.runtime.now()
    this.runtime.setImmediate(this.#next)
  }

  readonly #next = (): void => {
    this.#isRunning = false
    if (this.#waiting.size === 0) return
    this.#begin()
    for (const reading of this.#waiting) {
      this.#waiting.delete(reading)
      this.#current = reading
      reading.goOn()
      this.#current = undefined
      if (this.#isOver) return
    }
  }
}
