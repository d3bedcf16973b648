/** Heartbeats that may be unanswered at once; older ones count as lost. */
const MAX_UNANSWERED = 1000

/**
 * How long this server may answer. A heartbeat that the master answers lets it, for a time that the master tells, counted
 * from when the heartbeat was sent (Gray and Cheriton 1989).
 */
export class Lease {
  #until = -Infinity
  #durationMs = 0
  #beat = 0
  #answeredBeat = 0
  readonly #sentAt = new Map<number, number>()

  /** Monotonic ms. */
  get until(): number {
    return this.#until
  }

  /** The newest heartbeat whose answer came. */
  get answeredBeat(): number {
    return this.#answeredBeat
  }

  /** A link to one more master is open. What that one did not get, and does not answer, is not missed. */
  masterConnected(durationMs: number): void {
    this.#durationMs = durationMs
    this.#answeredBeat = this.#beat
  }

  /** A heartbeat is sent. @returns its number */
  beat(now: number): number {
    this.#sentAt.set(++this.#beat, now)
    this.#sentAt.delete(this.#beat - MAX_UNANSWERED)
    return this.#beat
  }

  /** @returns whether the lease ends later now */
  answered(beat: number): boolean {
    const sentAt = this.#sentAt.get(beat)
    if (sentAt === undefined) return false
    this.#sentAt.delete(beat)
    this.#answeredBeat = Math.max(this.#answeredBeat, beat)
    return this.#renew(sentAt)
  }

  /**
   * No master process exists at its address, which we began to find out at `at`. While the lease ran until now, none can
   * have given our slots to others before either. Once it is over, one may have: then only a master renews it.
   * @returns whether the lease ends later now
   */
  masterProvenGone(at: number, now: number): boolean {
    return now < this.#until && this.#renew(at)
  }

  #renew(since: number): boolean {
    const until = since + this.#durationMs
    if (until <= this.#until) return false
    this.#until = until
    return true
  }
}
