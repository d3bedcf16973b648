/** Two keep the server busy while its answer to the first is on the way. */
const MAX_UNHEARD_FRAMES = 2

/** What is queued leaves once it is this share of what the last two frames still wait for. */
const LEAST_SHARE = 1 / 2

/**
 * When what is queued for a server leaves as a frame: frames stay full under load, which is what makes calls cheap, and a lone
 * call never waits. Nothing here waits for a timer: it is the answers that let more go.
 *
 * Answers come piece by piece, as backups acknowledge. If each piece let the few calls that it set off leave at once, frames
 * would be ever smaller, at the cost of whole ones. What waits longer than the last two frames, such as calls for a slot that is
 * moving, holds nothing up.
 */
export class FramePace {
  /** Frames without a word from the server since. */
  #unheardFrames = 0
  /** Of the last frame: its ids, and how many of its calls are not answered. */
  #firstId = 0
  #endId = 0
  #unanswered = 0
  /** Of the one before. */
  #firstIdBefore = 0
  #endIdBefore = 0
  #unansweredBefore = 0

  /** Enough frames are on their way: nothing leaves before the server's next message. */
  get isFull(): boolean {
    return this.#unheardFrames >= MAX_UNHEARD_FRAMES
  }

  /** Whether a frame of so many calls is worth sending now. */
  allows(queued: number): boolean {
    return !this.isFull && queued >= LEAST_SHARE * (this.#unanswered + this.#unansweredBefore)
  }

  sent(firstId: number, calls: number): void {
    this.#unheardFrames++
    this.#firstIdBefore = this.#firstId
    this.#endIdBefore = this.#endId
    this.#unansweredBefore = this.#unanswered
    this.#firstId = firstId
    this.#endId = firstId + calls
    this.#unanswered = calls
  }

  /** The server sent something. */
  heard(): void {
    this.#unheardFrames = 0
  }

  answered(id: number): void {
    if (id >= this.#firstId && id < this.#endId) {
      if (this.#unanswered > 0) this.#unanswered--
    } else if (id >= this.#firstIdBefore && id < this.#endIdBefore) {
      if (this.#unansweredBefore > 0) this.#unansweredBefore--
    }
  }

  /** The server does not answer what it was sent, perhaps because those slots are moving: others must not wait longer. */
  release(): void {
    this.#unheardFrames = 0
    this.#unanswered = 0
    this.#unansweredBefore = 0
  }
}
