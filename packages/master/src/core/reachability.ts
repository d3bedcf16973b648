import type { Topology } from '@icf/common'

/**
 * How long both servers of a pair must have been heard of while it is said that they can not reach each other: one that
 * was stopped, and goes on, needs time to connect.
 */
const GRACE_MS = 1500

/** Which servers can not send each other anything, by the seats of one topology. */
export interface Cuts {
  readonly isEmpty: boolean
  areCut(a: number, b: number): boolean
  /** Ids of servers that reach none of the others, while others reach each other. */
  readonly isolated: ReadonlySet<string>
}

export const NO_CUTS: Cuts = { isEmpty: true, areCut: () => false, isolated: new Set() }

/** Ids of two members, in order. */
export type Pair = readonly [string, string]

/** What has changed since the last time. */
export interface ReachabilityChange {
  readonly broken: readonly Pair[]
  readonly mended: readonly Pair[]
  /** Ids of members that are not isolated any more. */
  readonly rejoined: readonly string[]
}

/** It is said that these two can not reach each other. */
interface Doubt {
  readonly pair: Pair
  /** Since when both have been heard of; undefined: they are not. */
  since: number | undefined
}

/**
 * Which members can not reach each other, though the master hears of both. They say so themselves; one of the two is
 * enough, since a connection needs both directions. What is believed once is believed until nobody says it any more:
 * a heartbeat that is late, or a lost link, is no news of it.
 */
export class Reachability {
  /** By the id of who says it: whom it can not reach. */
  readonly #said = new Map<string, ReadonlySet<string>>()
  readonly #doubts = new Map<string, Doubt>()
  readonly #believed = new Map<string, Pair>()
  /** By id, of what is believed. */
  readonly #cutFrom = new Map<string, Set<string>>()
  /** Of these somebody has said that they reach each other: since the last time. */
  #retracted: Pair[] = []
  #isForgotten = false
  #isolated: ReadonlySet<string> = new Set()

  get isolated(): ReadonlySet<string> {
    return this.#isolated
  }

  /** Ids of those that can not reach each other. */
  get pairs(): readonly Pair[] {
    return [...this.#believed.values()]
  }

  /** These are all that the member can not reach. */
  said(id: string, unreachable: readonly string[]): void {
    const [before, now] = [this.#said.get(id), new Set(unreachable)]
    now.delete(id)
    if (now.size === 0) this.#said.delete(id)
    else this.#said.set(id, now)
    for (const other of before ?? []) if (!now.has(other)) this.#retract(id, other)
    for (const other of now) if (!before?.has(other)) this.#doubt(id, other)
  }

  /** It is no member any more: nobody can reach it, and that is no news. */
  forget(id: string): void {
    for (const pair of this.#doubtsAbout(id)) this.#doubts.delete(pair)
    for (const other of [...(this.#cutFrom.get(id) ?? [])])
      if (this.#disbelieve(pairOf(id, other))) this.#isForgotten = true
    this.#said.delete(id)
  }

  /**
   * @param isHeard whether a member is heard of just now
   * @param present ids of members that have not been silent for so long that others take over
   * @returns undefined when nothing has changed
   */
  look(
    isHeard: (id: string) => boolean,
    present: () => ReadonlySet<string>,
    now: number,
  ): ReachabilityChange | undefined {
    const [broken, mended, isForgotten] = [this.#believe(isHeard, now), this.#mend(), this.#isForgotten]
    this.#isForgotten = false
    const before = this.#isolated
    if (this.#believed.size > 0 || before.size > 0) this.#isolated = this.#findIsolated(present)
    const rejoined = [...before].filter((id) => !this.#isolated.has(id))
    const isSame = rejoined.length === 0 && this.#isolated.size === before.size
    return broken.length + mended.length === 0 && isSame && !isForgotten
      ? undefined
      : { broken, mended, rejoined }
  }

  cuts({ servers }: Pick<Topology, 'servers'>): Cuts {
    if (this.#believed.size === 0) return NO_CUTS
    const [size, seats] = [servers.length, new Map(servers.map((server, seat) => [server?.id, seat]))]
    const table = new Uint8Array(size * size)
    for (const [one, other] of this.#believed.values()) {
      const [a, b] = [seats.get(one), seats.get(other)]
      if (a !== undefined && b !== undefined) table[a * size + b] = table[b * size + a] = 1
    }
    const areCut = (a: number, b: number): boolean => a < size && b < size && table[a * size + b] === 1
    return { isEmpty: false, areCut, isolated: this.#isolated }
  }

  #doubt(id: string, other: string): void {
    const pair = pairOf(id, other)
    const key = pair.join()
    if (!this.#believed.has(key) && !this.#doubts.has(key)) this.#doubts.set(key, { pair, since: undefined })
  }

  #retract(id: string, other: string): void {
    const pair = pairOf(id, other)
    if (!this.#isSaid(pair)) this.#doubts.delete(pair.join())
    this.#retracted.push(pair)
  }

  #isSaid([one, other]: Pair): boolean {
    return this.#said.get(one)?.has(other) === true || this.#said.get(other)?.has(one) === true
  }

  /** @returns those of which nobody says any more that they can not reach each other */
  #mend(): Pair[] {
    const retracted = this.#retracted.splice(0)
    return retracted.filter((pair) => !this.#isSaid(pair) && this.#disbelieve(pair))
  }

  #believe(isHeard: (id: string) => boolean, now: number): Pair[] {
    const broken: Pair[] = []
    for (const [key, doubt] of this.#doubts) {
      const { pair } = doubt
      if (!isHeard(pair[0]) || !isHeard(pair[1])) doubt.since = undefined
      else if (now - (doubt.since ??= now) >= GRACE_MS) {
        this.#doubts.delete(key)
        this.#believed.set(key, pair)
        this.#partnersOf(pair[0]).add(pair[1])
        this.#partnersOf(pair[1]).add(pair[0])
        broken.push(pair)
      }
    }
    return broken
  }

  #disbelieve(pair: Pair): boolean {
    const [one, other] = pair
    this.#partnersOf(one).delete(other)
    this.#partnersOf(other).delete(one)
    for (const id of pair) if (this.#partnersOf(id).size === 0) this.#cutFrom.delete(id)
    return this.#believed.delete(pair.join())
  }

  #partnersOf(id: string): Set<string> {
    let partners = this.#cutFrom.get(id)
    if (!partners) this.#cutFrom.set(id, (partners = new Set()))
    return partners
  }

  #doubtsAbout(id: string): string[] {
    return [...this.#doubts].filter(([, { pair }]) => pair.includes(id)).map(([key]) => key)
  }

  /** When nobody reaches anybody, nobody is cut off from the others more than they are. */
  #findIsolated(presentNow: () => ReadonlySet<string>): ReadonlySet<string> {
    const present = presentNow()
    const reachesNobody = ([id, partners]: [string, ReadonlySet<string>]): boolean => {
      const others = present.size - (present.has(id) ? 1 : 0)
      return (
        others > 0 &&
        partners.size >= others &&
        [...present].every((other) => other === id || partners.has(other))
      )
    }
    const isolated = new Set([...this.#cutFrom].filter(reachesNobody).map(([id]) => id))
    const othersReachEachOther = [...present].some((id) => !isolated.has(id))
    return othersReachEachOther ? isolated : new Set()
  }
}

function pairOf(id: string, other: string): Pair {
  return id < other ? [id, other] : [other, id]
}
