/** Beats within the time for which one binds: as many may be late or lost. */
const BEATS = 6
/** Of the time for which a beat binds: after that it counts as over here, as clocks may run at rates up to 10 % apart. */
const SAFE_PART = 0.8

interface Word {
  readonly until: number
  /** The process that gave it; undefined: none was there. */
  readonly by: string | undefined
}

/**
 * While etcd can not be reached, nobody can become active but with the word of the masters that could: until when each
 * of them has promised not to, by its answers to the active master's beats. One that is not there promises nothing, and keeps it:
 * a master that starts waits for as long as a beat binds.
 *
 * Once a word has run out, and etcd's has, too, another process could have been active there, and be gone again while cache servers still
 * have leases by it. So what counts then is only the word of the same process: it knows whether it was.
 */
export class SeatHolders {
  readonly #boundMs: number
  /** By address. */
  readonly #words = new Map<string, Word>()
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

  /**
   * The master at that address obeys, as its process `by` says.
   * @param isValid whether until now, `now`, nobody else can be active
   */
  obeyed(where: string, by: string, number: number, now: number, isValid: boolean): void {
    const at = this.#sentAt.get(number)
    if (at !== undefined && (isValid || this.#words.get(where)?.by === by || this.#isBound(where, now)))
      this.#extend(where, at, by)
  }

  /**
   * No process was at that address, as an attempt to connect shows that began at `at`.
   * @param isValid as of `obeyed`
   */
  absent(where: string, at: number, now: number, isValid: boolean): void {
    if (isValid || this.#isBound(where, now)) this.#extend(where, at, undefined)
  }

  /** None of the masters at these addresses becomes active before. */
  until(others: readonly string[], now: number): number {
    return Math.min(now + this.#boundMs * SAFE_PART, ...others.map((where) => this.#untilAt(where)))
  }

  /** A term begins: what was promised was promised to another. */
  clear(): void {
    this.#words.clear()
    this.#sentAt.clear()
  }

  #isBound(where: string, now: number): boolean {
    return now < this.#untilAt(where)
  }

  #untilAt(where: string): number {
    return this.#words.get(where)?.until ?? -Infinity
  }

  #extend(where: string, at: number, by: string | undefined): void {
    const until = Math.max(this.#untilAt(where), at + this.#boundMs * SAFE_PART)
    this.#words.set(where, { until, by })
  }
}
