import { isNewer, leaseOverMs, presentServers, type Message, type Timing, type Topology } from '@icf/common'
import type { Hello, LinkId } from './events.js'

/** A cache server that is neither let in nor refused yet. */
export interface Waiting {
  readonly link: LinkId
  readonly hello: Hello
  /** It follows a topology that the stored state can not have led to: that state is lost, or an old copy. */
  readonly isAhead: boolean
  /** What it follows is not known yet: what it said of that is from before this term. */
  readonly isToTell: boolean
}

export interface Held extends Waiting {
  /** What it said meanwhile; it is listened to when it is let in. */
  readonly said: Message[]
}

/** More than a server says in the longest wait. */
const MAX_SAID = 1000

/**
 * The state that a term begins with may be lost, or an old copy, while the servers of the cluster run. So before anybody
 * is let in, those that know more are asked for their topology, and the newest is the one to go on with.
 */
export class Inheritance {
  readonly #windowMs: number
  readonly #patienceMs: number
  readonly #stored: Topology
  readonly #waiting = new Map<LinkId, Held>()
  readonly #told = new Set<LinkId>()
  #decideAt: number
  #newest: Topology | undefined

  /**
   * @param windowMs how long the first servers wait for others, which may know more; 0: not at all
   * @param timing a server that knows more waits for the others that its topology names until they count as dead
   */
  constructor(now: number, stored: Topology, windowMs: number, timing: Timing) {
    this.#windowMs = windowMs
    this.#patienceMs = timing.deadAfterMs
    this.#stored = stored
    // Where no server is known, a lost state may have had some: who is silent among them may serve until its lease is over.
    const isBlank = presentServers(stored).length === 0
    this.#decideAt = now + (isBlank && windowMs > 0 ? Math.max(windowMs, leaseOverMs(timing)) : windowMs)
  }

  /** A cache server came. */
  hold(waiting: Waiting, now: number): void {
    const isFirst = this.#waiting.size === 0 && this.#stored.servers.length > 0
    this.#waiting.set(waiting.link, { ...waiting, said: [] })
    if (isFirst) this.#decideAt = now + this.#windowMs
    if (waiting.isAhead) this.#waitForOthers(now)
  }

  holds(link: LinkId): boolean {
    return this.#waiting.has(link)
  }

  lost(link: LinkId): void {
    this.#waiting.delete(link)
    this.#told.delete(link)
  }

  /** What one follows that waits. @returns whether that is news, and more than what is stored */
  follows(link: LinkId, isAhead: boolean, now: number): boolean {
    const waiting = this.#waiting.get(link)!
    const isNews = isAhead && !waiting.isAhead
    this.#waiting.set(link, { ...waiting, isAhead: isAhead || waiting.isAhead, isToTell: false })
    if (isNews) this.#waitForOthers(now)
    return isNews
  }

  /** What a server that waits follows. */
  told(link: LinkId, topology: Topology): void {
    this.#told.add(link)
    if (!this.#newest || isNewer(topology, this.#newest)) this.#newest = topology
  }

  /** Anything else that one says. False when it is too much. */
  said(link: LinkId, message: Message): boolean {
    const { said } = this.#waiting.get(link)!
    return said.push(message) <= MAX_SAID
  }

  /** Everybody who may know more has come, or the time is over. Not before somebody waits for it. */
  isDecided(now: number): boolean {
    return this.#waiting.size > 0 && (now >= this.#decideAt || this.#hasHeardAll())
  }

  /** What to go on with; undefined: with what is stored. */
  get newest(): Topology | undefined {
    return this.#newest
  }

  get waiting(): readonly Held[] {
    return [...this.#waiting.values()]
  }

  #waitForOthers(now: number): void {
    if (!this.#newest) this.#decideAt = Math.max(this.#decideAt, now + this.#patienceMs)
  }

  #hasHeardAll(): boolean {
    const waiting = [...this.#waiting.values()]
    if (waiting.some(({ isToTell }) => isToTell)) return false
    if (waiting.some(({ isAhead, link }) => isAhead && !this.#told.has(link))) return false
    const servers = presentServers(this.#newest ?? this.#stored)
    const came = new Set(waiting.map(({ hello }) => hello.id))
    return servers.length > 0 && servers.every(({ id }) => came.has(id))
  }
}
