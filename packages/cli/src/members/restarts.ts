import type { Ending } from './member.js'

const FIRST_DELAY_MS = 500
const MAX_DELAY_MS = 10_000

/** What can be started again. */
interface Startable {
  start(): void
}

/** Starts processes again that ended: soon, but ever more rarely one that does not even come to listen. */
export class Restarts {
  readonly #timers = new Map<Startable, NodeJS.Timeout>()
  readonly #delaysMs = new Map<Startable, number>()

  /** No process waits to be started. */
  get isEmpty(): boolean {
    return this.#timers.size === 0
  }

  add(member: Startable, { wasReady }: Pick<Ending, 'wasReady'>): void {
    const beforeMs = this.#delaysMs.get(member)
    const delayMs = wasReady || beforeMs === undefined ? FIRST_DELAY_MS : Math.min(beforeMs * 2, MAX_DELAY_MS)
    this.#delaysMs.set(member, delayMs)
    const restart = (): void => {
      this.#timers.delete(member)
      member.start()
    }
    this.#timers.set(member, setTimeout(restart, delayMs))
  }

  /** Starts none of those that wait. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
