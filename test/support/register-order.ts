/** One value's life as clients saw it, in any unit of time. */
interface Sightings {
  /** When the first operation that wrote or showed it ended. */
  firstEnd: number
  /** When the last one began. */
  lastStart: number
  /** When its write began. */
  written: number
}

/**
 * Whether the reads and writes of one register, by any number of writers, could have happened one after the other
 * (linearizability), when each write stores a value of its own: the zone test of Gibbons and Korach, "Testing Shared
 * Memories", SIAM J. Comput. 26 (1997). A write that was carried out twice shows as a value that comes back.
 */
export class RegisterOrder {
  readonly #values = new Map<string, Sightings>()

  /** @param initial the value before the first write */
  constructor(initial: string) {
    this.#values.set(initial, { firstEnd: -Infinity, lastStart: -Infinity, written: -Infinity })
  }

  wrote(value: string, start: number, end: number): void {
    const seen = this.#values.get(value)
    if (seen && seen.written !== Infinity) throw new Error(`${value} was written twice: a value must be new`)
    this.#note(value, start, end, start)
  }

  read(value: string, start: number, end: number): void {
    this.#note(value, start, end, Infinity)
  }

  /** What can not be explained, in words; undefined when everything can. */
  problem(): string | undefined {
    const forward: [value: string, from: number, to: number][] = []
    const backward: [value: string, from: number, to: number][] = []
    for (const [value, { firstEnd, lastStart, written }] of this.#values) {
      if (written === Infinity) return `${value} was read but never written`
      if (firstEnd < written) return `${value} was read before it was written`
      if (firstEnd < lastStart) forward.push([value, firstEnd, lastStart])
      else backward.push([value, lastStart, firstEnd])
    }
    forward.sort((a, b) => a[1] - b[1])
    for (let i = 1; i < forward.length; i++)
      if (forward[i]![1] < forward[i - 1]![2])
        return `${forward[i - 1]![0]} was there, then ${forward[i]![0]}, then ${forward[i - 1]![0]} again`
    for (const [value, from, to] of backward) {
      const around = lastStartingBefore(forward, from)
      if (around && to < around[2])
        return `${value} was written and answered while ${around[0]} was there all the time`
    }
    return undefined
  }

  #note(value: string, start: number, end: number, written: number): void {
    const seen = this.#values.get(value)
    if (!seen) {
      this.#values.set(value, { firstEnd: end, lastStart: start, written })
      return
    }
    seen.firstEnd = Math.min(seen.firstEnd, end)
    seen.lastStart = Math.max(seen.lastStart, start)
    if (written !== Infinity) seen.written = written
  }
}

/** Of zones that are in order and do not overlap. */
function lastStartingBefore<T extends readonly [string, number, number]>(
  zones: readonly T[],
  time: number,
): T | undefined {
  let [low, high] = [0, zones.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (zones[middle]![1] < time) low = middle + 1
    else high = middle
  }
  return zones[low - 1]
}
