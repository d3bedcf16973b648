import type { Runtime } from '../runtime.js'

/** How long the connections of a process may be read in one turn of the event loop, in ms; what is begun is finished. */
const TURN_MS = 5

/** The same in bytes: a frame that is complete counts with all that was held of it, since that is put together then. */
const TURN_BYTES = 1024 * 1024

/** What comes first in a turn and is no longer than this, in bytes, is not timed: most turns bring nothing else, and a look at the clock costs as much as a small command. */
const UNTIMED_BYTES = 4096

/** While frames that have begun to come hold more than this, in bytes, few of them go on: they are complete the sooner. */
const CROWDED_BYTES = 16 * 1024 * 1024

/** So many in a turn. */
const FEW = 4

/** What is shorter, in bytes, is no part of a large frame that comes fast. */
export const LARGE_PIECE_BYTES = 32 * 1024

/** A connection of which what has come can wait. */
export interface Reading {
  /** What it holds of a frame that is not complete, about. */
  readonly heldBytes: number
  /** Handles what has come; nothing when the connection is not to be read now. */
  goOn(): void
}

/**
 * Shares each turn of the event loop among the connections of a process. Once they have taken their time, what comes on
 * others waits for the next turn, in which those that wait come before what is new, in their order.
 */
export class ReadingTurns {
  /** When what is timed of this turn began. */
  #timedFrom: number | undefined
  #takenMs = 0
  #handledBytes = 0
  /** It has brought something, and ends after what the sockets that are readable now bring. */
  #isTurnBegun = false
  #heldBytes = 0
  /** How much has come of each. */
  readonly #waiting = new Map<Reading, number>()
  #current: Reading | undefined

  constructor(private readonly runtime: Pick<Runtime, 'now' | 'setImmediate'>) {}

  /**
   * True: what has come is to be handled now, and then `handled` to be called. False: it has to be kept, and nothing more
   * read, until `goOn` is called.
   */
  admit(reading: Reading, bytes: number): boolean {
    const isNext = this.#waiting.size === 0 && !this.#isOver()
    if (reading === this.#current || (isNext && !(this.#isCrowded() && bytes >= LARGE_PIECE_BYTES))) {
      if (this.#isTurnBegun || bytes > UNTIMED_BYTES) this.#timedFrom ??= this.runtime.now()
      this.#handledBytes += bytes
      return true
    }
    this.#waiting.set(reading, bytes)
    this.#beginTurn()
    return false
  }

  handled(): void {
    // Not before: what handling it leaves for the end of the turn comes before what waits.
    this.#beginTurn()
    if (this.#timedFrom !== undefined) this.#takenMs = this.runtime.now() - this.#timedFrom
  }

  /** A connection holds so much more; or so much less, because a frame is complete. */
  hold(bytes: number): void {
    this.#heldBytes += bytes
    if (bytes < 0) this.#handledBytes -= bytes
  }

  /** The connection is closed. */
  leave(reading: Reading): void {
    this.#waiting.delete(reading)
  }

  #isOver(): boolean {
    return this.#takenMs >= TURN_MS || this.#handledBytes >= TURN_BYTES
  }

  #isCrowded(): boolean {
    return this.#heldBytes > CROWDED_BYTES
  }

  #beginTurn(): void {
    if (this.#isTurnBegun) return
    this.#isTurnBegun = true
    this.runtime.setImmediate(this.#next)
  }

  readonly #next = (): void => {
    this.#isTurnBegun = false
    this.#timedFrom = undefined
    this.#takenMs = 0
    this.#handledBytes = 0
    if (this.#waiting.size === 0) return
    this.#beginTurn()
    const large = this.#isCrowded() ? this.#fullest() : undefined
    for (const [reading, bytes] of this.#waiting) {
      if (large && bytes >= LARGE_PIECE_BYTES && !large.includes(reading)) continue
      this.#waiting.delete(reading)
      this.#current = reading
      reading.goOn()
      this.#current = undefined
      if (this.#isOver()) return
    }
  }

  /** Those that wait with the largest part of a frame. */
  #fullest(): Reading[] {
    return [...this.#waiting.keys()].sort((a, b) => b.heldBytes - a.heldBytes).slice(0, FEW)
  }
}
