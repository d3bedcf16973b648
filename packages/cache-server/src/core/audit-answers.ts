import { comparedMessage, isTextKey, listedMessage, type Key } from '@icf/common'
import { Checksums } from './checksums.js'
import type { Entry } from './entry.js'
import type { LinkPort } from './ports.js'
import type { SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Bytes of values of which one turn makes checksums. */
const TURN_BYTES = 1024 * 1024

/** Keys of one KEYS_LISTED, and characters of them, about. */
const LISTED_KEYS = 1024
const LISTED_CHARACTERS = 256 * 1024

/** What a primary asks. */
interface Asked {
  readonly slot: number
  readonly question: number
  /** On which the answer goes; undefined: nobody waits for it. */
  readonly port: LinkPort | undefined
  /** Whether this copy should be as the primary's. */
  readonly isWhole: boolean
}

interface Comparison extends Asked {
  readonly entries: readonly (Entry | undefined)[]
  readonly checksums: Checksums
  /** Of the slot, when it was asked. */
  readonly count: number
  readonly isParted: boolean
}

/** What this server answers to primaries that compare their slots with its copies. */
export class AuditAnswers {
  readonly #queue: Comparison[] = []
  /** By slot: keys that are still to be named. */
  readonly #lists = new Map<number, Iterator<Key>>()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
  ) {}

  /** What is there under the keys now; how it is checked, and answered, may take some turns. */
  compare(asked: Asked, keys: readonly Key[]): void {
    const { slot, isWhole } = asked
    const entries = isWhole ? keys.map((key) => this.store.peek(slot, key)) : []
    this.#queue.push({
      ...asked,
      entries,
      checksums: new Checksums(entries),
      count: this.store.countOf(slot),
      isParted: this.slots.parted[slot] === 1,
    })
  }

  /** @param takesAnyKey whether who asks takes keys of any bytes: else only those that are UTF-8 are named */
  list({ slot, question, port, isWhole }: Asked, isFirst: boolean, takesAnyKey: boolean): void {
    if (isFirst) this.#lists.set(slot, this.store.keysOf(slot)[Symbol.iterator]())
    const list = this.#lists.get(slot)
    if (!isWhole || !list) {
      this.#lists.delete(slot)
      return port?.send(listedMessage({ slot, question, keys: undefined, hasMore: false }))
    }
    const keys: Key[] = []
    let characters = 0
    let hasMore = true
    while (keys.length < LISTED_KEYS && characters < LISTED_CHARACTERS) {
      const next = list.next()
      if (next.done) {
        hasMore = false
        this.#lists.delete(slot)
        break
      }
      if (takesAnyKey || isTextKey(next.value)) keys.push(next.value)
      characters += next.value.length
    }
    port?.send(listedMessage({ slot, question, keys, hasMore }))
  }

  /** Another primary may list what it has from now on. */
  topologyChanged(): void {
    this.#lists.clear()
  }

  /** Goes on with what was asked, for one turn. @returns whether something is left */
  advance(): boolean {
    let left = TURN_BYTES
    while (this.#queue.length > 0 && left > 0) {
      const next = this.#queue[0]!
      left = next.checksums.advance(left)
      if (!next.checksums.isDone) break
      this.#queue.shift()
      this.#answer(next)
    }
    return this.#queue.length > 0
  }

  #answer({ slot, question, port, isWhole, entries, checksums, count, isParted }: Comparison): void {
    const found = entries.flatMap((entry, i) => (entry ? [entry.seq, checksums.values[i]!] : [0, 0]))
    port?.send(
      comparedMessage({ slot, question, entries: count, isParted, found: isWhole ? found : undefined }),
    )
  }
}
