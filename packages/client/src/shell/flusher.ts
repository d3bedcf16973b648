/** What is flushed: see `Peer`. */
export interface Flushable {
  /** Nothing that was sent to it is unanswered. */
  readonly isIdle: boolean
}

/**
 * When a peer's queue leaves as a frame. Nothing waits for a timer:
 *
 * - nothing is under way there: at the end of this turn. process.nextTick runs after the queue of microtasks is empty,
 *   so everything that was called in this turn, and in the promise reactions it set off, is in the frame.
 * - answers are awaited: after the sockets that are readable now were read, so that what their answers set off, from
 *   several servers, leaves together.
 */
export class Flusher<Peer extends Flushable> {
  readonly #flush: (peer: Peer) => void
  #thisTurn: Peer[] = []
  #afterPoll: Peer[] = []

  constructor(flush: (peer: Peer) => void) {
    this.#flush = flush
  }

  request(peer: Peer): void {
    if (peer.isIdle) {
      if (this.#thisTurn.push(peer) === 1) process.nextTick(this.#endOfTurn)
    } else if (this.#afterPoll.push(peer) === 1) setImmediate(this.#afterPolling)
  }

  readonly #endOfTurn = (): void => {
    const peers = this.#thisTurn
    this.#thisTurn = []
    for (const peer of peers) this.#flush(peer)
  }

  readonly #afterPolling = (): void => {
    const peers = this.#afterPoll
    this.#afterPoll = []
    for (const peer of peers) this.#flush(peer)
  }
}
