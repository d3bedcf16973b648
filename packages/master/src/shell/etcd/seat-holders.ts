/** Beats within the time for which one binds: as many may be late or lost. */
const BEATS = 6
/** Of the time for which a beat binds: after that it counts as over here, as clocks may run at rates up to 10 % apart. */
const SAFE_PART = 0.8

/**
 * While etcd can not be reached, nobody can become active but with the word of the masters that could: until when each
 * of them has promised not to, by its answers to the active master's beats. One that is not there promises nothing, and keeps it:
 * a master that starts waits for as long as a beat binds.
 */
export class SeatHolders {
  readonly #boundMs: number
  /** By address. */
  readonly #boundUntil = new Map<string, number>()
  /** When each beat was sent that may yet be answered. */
  readonly #sentAt = new Map<number, number>()
  #number = 0
  #lastAt = -Infinity

  constructor(boundMs: number) {
    this.#boundMs = boundMs
  }

  /** @returns the number of the beat that is due now, if one is */
  beat(now: number): number | undefined {
    if (now - this.#lastAt < this.#boundMs / BEATS) return undefined
    this.#lastAt = now
    this.#sentAt.set(++this.#number, now)
    for (const [number, at] of this.#sentAt) if (now - at > this.#boundMs) this.#sentAt.delete(number)
    return this.#number
  }

  /** The master at that address obeys. */
  obeyed(where: string, number: number): void {
    const at = this.#sentAt.get(number)
    if (at !== undefined) this.#extend(where, at)
  }

  /** No process was at that address, as an attempt to connect showed that began at `at`. */
  absent(where: string, at: number): void {
    this.#extend(where, at)
  }

  /** None of the masters at these addresses becomes active before. */
  until(others: readonly string[], now: number): number {
    const all = others.map((where) => this.#boundUntil.get(where) ?? -Infinity)
    return Math.min(now + this.#boundMs * SAFE_PART, ...all)
  }

  /** A term begins: what was promised was promised to another. */
  clear(): void {
    this.#boundUntil.clear()
    this.#sentAt.clear()
  }

  #extend(where: string, at: number): void {
    this.#boundUntil.set(
      where,
      Math.max(this.#boundUntil.get(where) ?? -Infinity, at + this.#boundMs * SAFE_PART),
    )
  }
}
