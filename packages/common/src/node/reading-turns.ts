import type { Runtime } from '../runtime.js'

/** How long the connections of a process may be read in one turn of the event loop, in ms; what is begun is finished. */
const TURN_MS = 5

/** The same in bytes: a frame that is complete counts with all that was held of it, since that is put together then. */
const TURN_BYTES = 1024 * 1024

/** Turns that take less than this together are not told apart. */
const SHORT_MS = 1
const SHORT_BYTES = 256 * 1024

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
  /** What is read in this turn has taken so long. */
  #takenMs = 0
  #handledFrom = 0
  #handledBytes = 0
  /** This turn ends after what the sockets that are readable now bring. */
  #isEnding = false
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
    const isNext = this.#waiting.size === 0 && !this.#isOver
    if (reading === this.#current || (isNext && !(this.#isCrowded && bytes >= LARGE_PIECE_BYTES))) {
      this.#handledFrom = this.runtime.now()
      this.#handledBytes += bytes
      return true
    }
    this.#waiting.set(reading, bytes)
    this.#endSoon()
    return false
  }

  handled(): void {
    this.#takenMs += this.runtime.now() - this.#handledFrom
    if (this.#takenMs >= SHORT_MS || this.#handledBytes >= SHORT_BYTES) this.#endSoon()
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

  get #isOver(): boolean {
    return this.#takenMs >= TURN_MS || this.#handledBytes >= TURN_BYTES
  }

  get #isCrowded(): boolean {
    return this.#heldBytes > CROWDED_BYTES
  }

  #endSoon(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.runtime.setImmediate(this.#next)
  }

  readonly #next = (): void => {
    this.#isEnding = false
    this.#takenMs = 0
    this.#handledBytes = 0
    if (this.#waiting.size === 0) return
    this.#endSoon()
    const large = this.#isCrowded ? this.#fullest() : undefined
    for (const [reading, bytes] of this.#waiting) {
      if (large && bytes >= LARGE_PIECE_BYTES && !large.includes(reading)) continue
      this.#waiting.delete(reading)
      this.#current = reading
      reading.goOn()
      this.#current = undefined
      if (this.#isOver) return
    }
  }

  /** Those that wait with the largest part of a frame. */
  #fullest(): Reading[] {
    return [...this.#waiting.keys()].sort((a, b) => b.heldBytes - a.heldBytes).slice(0, FEW)
  }
}
