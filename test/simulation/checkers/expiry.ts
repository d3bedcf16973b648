import { Violation } from './violation.js'

/** Clocks go at different rates; and what is left of a life is passed on with a copy, which takes a while. */
const EARLY = 0.9
const LATE = 1.1
const LATE_MS = 15_000

/** Invariant 4, for what expires: it is there until then, and gone soon after. All times are the world's, in ms. */
export class ExpiryChecker {
  readonly #lives = new Map<
    string,
    { readonly value: string; readonly ttlMs: number; begun: number; stored: number }
  >()

  begin(key: string, value: string, ttlMs: number, now: number): void {
    this.#lives.set(key, { value, ttlMs, begun: now, stored: Infinity })
  }

  stored(key: string, now: number): void {
    this.#lives.get(key)!.stored = now
  }

  /** Its write failed: nothing is known of it. */
  forget(key: string): void {
    this.#lives.delete(key)
  }

  get keys(): readonly string[] {
    return [...this.#lives].filter(([, { stored }]) => stored !== Infinity).map(([key]) => key)
  }

  /** @param from when the read began; it ends now */
  read(key: string, value: string | undefined, from: number, now: number): void {
    const life = this.#lives.get(key)
    if (!life || life.stored === Infinity) return
    if (value === undefined) {
      if (now < life.begun + life.ttlMs * EARLY)
        throw new Violation(
          `invariant 4: ${key} is missed ${now - life.begun} ms after it was set for ${life.ttlMs} ms`,
        )
      return
    }
    if (value !== life.value) throw new Violation(`invariant 4: ${key} is ${value}, not ${life.value}`)
    if (from > life.stored + life.ttlMs * LATE + LATE_MS)
      throw new Violation(
        `invariant 4: ${key} is there ${from - life.stored} ms after it was set for ${life.ttlMs} ms`,
      )
  }
}
