/**
 * Who has not been heard of for too long. Deadlines are data, looked at on each tick; nothing sleeps.
 */
export class Silence {
  readonly #deadAfterMs: number
  readonly #heardAt = new Map<string, number>()
  #lastTickAt: number | undefined

  constructor(deadAfterMs: number) {
    this.#deadAfterMs = deadAfterMs
  }

  heard(id: string, now: number): void {
    this.#heardAt.set(id, now)
  }

  forget(id: string): void {
    this.#heardAt.delete(id)
  }

  /** Milliseconds since the last sign of life. */
  of(id: string, now: number): number {
    return now - (this.#heardAt.get(id) ?? now)
  }

  /**
   * The servers that are dead by silence. After a pause of this process (it was stopped, or its event loop blocked)
   * everybody gets a fresh grace: their heartbeats may still lie unread in our sockets.
   */
  tick(now: number): string[] {
    const pausedMs = now - (this.#lastTickAt ?? now)
    this.#lastTickAt = now
    if (pausedMs > this.#deadAfterMs / 2) {
      for (const id of this.#heardAt.keys()) this.#heardAt.set(id, now)
      return []
    }
    return [...this.#heardAt].filter(([, at]) => now - at >= this.#deadAfterMs).map(([id]) => id)
  }
}
