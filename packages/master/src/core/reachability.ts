import type { Topology } from '@icf/common'

/** Servers that can not reach each other must have been heard of for so long meanwhile: one that comes back needs time to connect. */
const GRACE_MS = 1500

/** Which servers can not send each other anything, as one topology numbers them. */
export interface Cuts {
  readonly isEmpty: boolean
  /** Whether these two seats can not reach each other. */
  areCut(a: number, b: number): boolean
  /** Ids of servers that none of the others reaches, while others reach each other. */
  readonly isolated: ReadonlySet<string>
}

export const NO_CUTS: Cuts = { isEmpty: true, areCut: () => false, isolated: new Set() }

/** Two members that can not reach each other; each pair is there once. */
export type Pair = readonly [string, string]

/** What has changed since the last time. */
export interface ReachabilityChange {
  readonly broken: readonly Pair[]
  readonly mended: readonly Pair[]
}

/**
 * Which members can not reach each other, though the master hears of both. They say so themselves; one of the two is
 * enough, since a connection needs both directions.
 */
export class Reachability {
  /** By the id of who says so: whom it can not reach, and since when the master has known, hearing of both. */
  readonly #said = new Map<string, Map<string, number>>()
  #pairs: ReadonlyMap<string, Pair> = new Map()
  #isolated: ReadonlySet<string> = new Set()

  get isolated(): ReadonlySet<string> {
    return this.#isolated
  }

  /** Ids of those that can not reach each other. */
  get pairs(): readonly Pair[] {
    return [...this.#pairs.values()]
  }

  /** These are all that the member can not reach. */
  said(id: string, unreachable: readonly string[], now: number): void {
    const before = this.#said.get(id)
    if (unreachable.length === 0) this.#said.delete(id)
    else this.#said.set(id, new Map(unreachable.map((other) => [other, before?.get(other) ?? now])))
  }

  /** The member's link is gone: it will say so again. */
  lost(id: string): void {
    this.#said.delete(id)
  }

  /**
   * @param heard ids of the members that are heard of, whether or not they may serve
   * @returns undefined when nothing has changed
   */
  look(heard: ReadonlySet<string>, now: number): ReachabilityChange | undefined {
    if (this.#said.size === 0 && this.#pairs.size === 0) return undefined
    const pairs = this.#find(heard, now)
    const isolated = isolatedOf(heard, pairs.values())
    const broken = [...pairs].filter(([key]) => !this.#pairs.has(key)).map(([, pair]) => pair)
    const mended = [...this.#pairs].filter(([key]) => !pairs.has(key)).map(([, pair]) => pair)
    const isSame = broken.length + mended.length === 0 && isolated.size === this.#isolated.size
    this.#pairs = pairs
    this.#isolated = isolated
    return isSame ? undefined : { broken, mended }
  }

  cuts({ servers }: Pick<Topology, 'servers'>): Cuts {
    if (this.#pairs.size === 0) return NO_CUTS
    const seats = new Map(servers.map((server, seat) => [server?.id, seat]))
    const cells = new Set<number>()
    for (const [one, other] of this.#pairs.values()) {
      const [a, b] = [seats.get(one), seats.get(other)]
      if (a !== undefined && b !== undefined) cells.add(cellOf(a, b)).add(cellOf(b, a))
    }
    return { isEmpty: false, areCut: (a, b) => cells.has(cellOf(a, b)), isolated: this.#isolated }
  }

  #find(heard: ReadonlySet<string>, now: number): Map<string, Pair> {
    const pairs = new Map<string, Pair>()
    for (const [id, others] of this.#said)
      for (const [other, since] of others) {
        if (!heard.has(id) || !heard.has(other)) others.set(other, now)
        else if (now - since >= GRACE_MS) {
          const pair: Pair = id < other ? [id, other] : [other, id]
          pairs.set(pair.join(), pair)
        }
      }
    return pairs
  }
}

function cellOf(a: number, b: number): number {
  return a * 0x10000 + b
}

/** When nobody reaches anybody, nobody is cut off from the others more than they are. */
function isolatedOf(heard: ReadonlySet<string>, pairs: Iterable<Pair>): Set<string> {
  const cutFrom = new Map<string, number>()
  for (const pair of pairs) for (const id of pair) cutFrom.set(id, (cutFrom.get(id) ?? 0) + 1)
  const reachesNobody = (id: string): boolean => cutFrom.get(id) === heard.size - 1
  const isolated = [...heard].filter(reachesNobody)
  return new Set(isolated.length < heard.size ? isolated : [])
}
