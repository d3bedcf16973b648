import { isNewer, presentServers, type Topology } from '@icf/common'
import type { Hello, LinkId } from './events.js'

/** A cache server that is neither a member nor refused yet. */
export interface Waiting {
  readonly link: LinkId
  readonly hello: Hello
  /** It follows a topology, and so holds data. */
  readonly hasTopology: boolean
}

/**
 * A master whose cluster never had a server may have lost its state while the servers of that cluster run. So before
 * anybody joins, those that follow a topology are asked for it, and the newest is the one to go on with.
 */
export class Inheritance {
  readonly #patienceMs: number
  readonly #waiting = new Map<LinkId, Waiting>()
  readonly #told = new Set<LinkId>()
  #decideAt: number
  #newest: Topology | undefined

  /**
   * @param windowMs how long the first servers wait for others, which may have a topology
   * @param patienceMs how long a server that has one waits for the others that its topology names
   */
  constructor(now: number, windowMs: number, patienceMs: number) {
    this.#patienceMs = patienceMs
    this.#decideAt = now + windowMs
  }

  /** A cache server came. */
  hold(waiting: Waiting, now: number): void {
    this.#waiting.set(waiting.link, waiting)
    if (waiting.hasTopology && !this.#newest)
      this.#decideAt = Math.max(this.#decideAt, now + this.#patienceMs)
  }

  holds(link: LinkId): boolean {
    return this.#waiting.has(link)
  }

  lost(link: LinkId): void {
    this.#waiting.delete(link)
    this.#told.delete(link)
  }

  /** What a server that waits follows. */
  told(link: LinkId, topology: Topology): void {
    this.#told.add(link)
    if (!this.#newest || isNewer(topology, this.#newest)) this.#newest = topology
  }

  /** Everybody whom the newest topology names has told, or the time is over. Not before somebody waits for it. */
  isDecided(now: number): boolean {
    return this.#waiting.size > 0 && (now >= this.#decideAt || this.#hasHeardAll())
  }

  /** What to go on with; undefined: this cluster is new. */
  get newest(): Topology | undefined {
    return this.#newest
  }

  get waiting(): readonly Waiting[] {
    return [...this.#waiting.values()]
  }

  #hasHeardAll(): boolean {
    if (!this.#newest) return false
    const told = new Set([...this.#told].map((link) => this.#waiting.get(link)?.hello.id))
    return presentServers(this.#newest).every(({ id }) => told.has(id))
  }
}
