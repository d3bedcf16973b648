import { Violation } from './violation.js'

interface KeyHistory {
  /** Index → what that write made of the key: its own index, or undefined for a delete. Index 0: never written. */
  readonly writes: (number | undefined)[]
  /** Index of the newest write that was acknowledged, or that somebody has seen. */
  known: number
}

/** A read under way: what it may still not fall behind. */
export interface ReadTicket {
  readonly key: string
  readonly floor: number
}

/**
 * Whether what clients saw could have come from one copy of the data, key by key. Each key has one writer, which
 * waits for each answer; readers are many. A read may show any write that had begun when it ended, but none older
 * than the newest one that was acknowledged to anyone, or shown to anyone, before it began.
 */
export class HistoryChecker {
  readonly #keys = new Map<string, KeyHistory>()
  reads = 0
  acknowledged = 0

  /** @returns the number that the write stores, if it is no delete */
  beginWrite(key: string, isDelete: boolean): number {
    const history = this.#history(key)
    const index = history.writes.length
    history.writes.push(isDelete ? undefined : index)
    return index
  }

  endWrite(key: string, index: number): void {
    this.acknowledged++
    const history = this.#history(key)
    history.known = Math.max(history.known, index)
  }

  beginRead(key: string): ReadTicket {
    return { key, floor: this.#history(key).known }
  }

  /** @param seen the number that was read, or undefined for a miss */
  endRead({ key, floor }: ReadTicket, seen: number | undefined): void {
    this.reads++
    const history = this.#history(key)
    for (let index = floor; index < history.writes.length; index++)
      if (history.writes[index] === seen) {
        history.known = Math.max(history.known, index)
        return
      }
    const found = seen === undefined ? 'nothing' : `write ${seen}`
    throw new Violation(
      `read of ${key} found ${found}, though write ${floor} of ${history.writes.length - 1} was known before`,
    )
  }

  /** What a key must hold now that nothing is under way; every write that was begun has ended. */
  *expectations(): Iterable<readonly [key: string, value: number | undefined]> {
    for (const [key, { writes }] of this.#keys) yield [key, writes.at(-1)]
  }

  #history(key: string): KeyHistory {
    let history = this.#keys.get(key)
    if (!history) {
      history = { writes: [undefined], known: 0 }
      this.#keys.set(key, history)
    }
    return history
  }
}
