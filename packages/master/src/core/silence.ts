import { leaseOverMs, type Timing } from '@icf/common'

const NOBODY: ReadonlySet<string> = new Set()

/** So long after a term began servers may still be on their way back to it, however many there are. */
const MAX_HOLD_MS = 60_000
/** A tick that comes so late shows that this process is busy: with those who come back, when a term has just begun. */
const BUSY_MS = 100

/**
 * Who has not been heard of for too long. Deadlines are data, looked at on each tick; nothing sleeps.
 */
export class Silence {
  readonly #deadAfterMs: number
  readonly #leaseOverMs: number
  readonly #quietMs: number
  readonly #heardAt = new Map<string, number>()
  #lastTickAt: number | undefined
  #heldUntil = -Infinity
  #holdableUntil = -Infinity
  /** Who was there before this term, and has not been back in it. */
  readonly #awaited = new Set<string>()
  #isDeaf = false

  /** @param quietMs when nobody was heard of for this long, it is this process that hears nothing */
  constructor(timing: Timing, quietMs: number) {
    this.#deadAfterMs = timing.deadAfterMs
    this.#leaseOverMs = leaseOverMs(timing)
    this.#quietMs = quietMs
  }

  heard(id: string, now: number): void {
    this.#heardAt.set(id, now)
  }

  /** A sign of life that was not counted when it came. */
  heardBefore(id: string, at = -Infinity): void {
    const known = this.#heardAt.get(id)
    if (known !== undefined && at > known) this.#heardAt.set(id, at)
  }

  /** A term began, to which these are to come back. Nobody counts as silent for so long, whatever is heard of. */
  hold(awaited: Iterable<string>, forMs: number, now: number): void {
    for (const id of awaited) this.#awaited.add(id)
    this.#heldUntil = now + forMs
    this.#holdableUntil = now + MAX_HOLD_MS
  }

  /**
   * A server is back for the first time in this term. Others may be behind it, each connection is taken after the one
   * before: they have as long as it takes to die from now on, but no more than MAX_HOLD_MS from when the term began.
   */
  returned(id: string, now: number): void {
    this.heard(id, now)
    this.#awaited.delete(id)
    this.#holdOn(now)
  }

  forget(id: string): void {
    this.#heardAt.delete(id)
    this.#awaited.delete(id)
  }

  /** Milliseconds since the last sign of life. */
  of(id: string, now: number): number {
    return now - (this.#heardAt.get(id) ?? now)
  }

  /**
   * The servers that are dead by silence: while others are heard. When nobody is, the fault is more likely our own, and
   * nobody is there who could take over. Afterwards everybody gets some grace, as after a pause of this process (it was
   * stopped, or its event loop blocked): heartbeats may still lie unread in our sockets, or links be on their way back.
   * @param isolated ids of those that are given no lease while others have what they serve. That they are not heard is on
   * purpose, no heartbeat is late: their time is up as soon as no lease can run any more
   */
  tick(now: number, isolated = NOBODY): string[] {
    const pausedMs = now - (this.#lastTickAt ?? now)
    this.#lastTickAt = now
    if (pausedMs > BUSY_MS) this.#holdOn(now)
    const lastHeardAt = Math.max(-Infinity, ...this.#heardAt.values())
    const isDeaf = now - lastHeardAt >= this.#quietMs
    if (pausedMs > this.#deadAfterMs / 2 || (this.#isDeaf && !isDeaf)) this.#giveGrace(now)
    this.#isDeaf = isDeaf
    if (isDeaf || now < this.#heldUntil) return []
    const patienceMs = (id: string): number => (isolated.has(id) ? this.#leaseOverMs : this.#deadAfterMs)
    return [...this.#heardAt].filter(([id, at]) => now - at >= patienceMs(id)).map(([id]) => id)
  }

  #holdOn(now: number): void {
    if (this.#awaited.size === 0) return
    this.#heldUntil = Math.max(this.#heldUntil, Math.min(now + this.#deadAfterMs, this.#holdableUntil))
  }

  /** Half the time until death, to everybody. */
  #giveGrace(now: number): void {
    for (const [id, at] of this.#heardAt) this.#heardAt.set(id, Math.max(at, now - this.#deadAfterMs / 2))
  }
}
