/** Copied entries on their way to one server: enough to keep it busy … */
export const MOST_BYTES = 256 * 1024
/** … and so many at once at least: with fewer, frames, acknowledgements and turns cost more than what is in them. */
export const LEAST_BYTES = 64 * 1024

/** How small the window gets: copies rest for three times as long as one takes to be acknowledged … */
const SMALLEST_BYTES = LEAST_BYTES / 4
/** … but no longer than this, in ms. */
const MAX_REST_MS = 25

/** How much longer than at its shortest an acknowledgement is to take, in ms. */
const DELAY_MS = 2

/** For how long, in ms, the shortest one counts at most, and half as long at least: the way may have become longer. */
const MEMORY_MS = 20_000

/**
 * How many bytes of copied entries may be on their way to one server. Live calls wait in the same queues, at both servers and
 * between them, so acknowledgements say how long these have become: copies give way before they are long. After LEDBAT
 * (RFC 6817): what is acknowledged changes the window by as much as the delay is off, by half of it at most.
 */
export class CopyWindow {
  #bytes = MOST_BYTES
  #restsUntil = -Infinity
  #shortestMs = Infinity
  /** Since `#since`. */
  #shortestLatelyMs = Infinity
  #since = -Infinity

  /** How many there may be now; 0 while copies rest: whoever asks has to ask again, at the latest by the next background work. */
  bytesAt(now: number): number {
    return now >= this.#restsUntil ? Math.max(LEAST_BYTES, this.#bytes) : 0
  }

  /** So many bytes were acknowledged `tookMs` after they had been sent. */
  acknowledged(bytes: number, tookMs: number, now: number): void {
    const delayMs = tookMs - this.#shortest(tookMs, now)
    const off = Math.max(-1, (DELAY_MS - delayMs) / DELAY_MS)
    this.#bytes = Math.min(MOST_BYTES, Math.max(SMALLEST_BYTES, this.#bytes + (off * bytes) / 2))
    const restMs = tookMs * Math.max(0, LEAST_BYTES / this.#bytes - 1)
    this.#restsUntil = now + Math.min(restMs, MAX_REST_MS)
  }

  #shortest(tookMs: number, now: number): number {
    if (now - this.#since > MEMORY_MS / 2) {
      this.#shortestMs = this.#shortestLatelyMs
      this.#shortestLatelyMs = Infinity
      this.#since = now
    }
    this.#shortestLatelyMs = Math.min(this.#shortestLatelyMs, tookMs)
    this.#shortestMs = Math.min(this.#shortestMs, tookMs)
    return this.#shortestMs
  }
}
