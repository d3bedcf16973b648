import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import type { Writer } from './writer.js'

/** A slot is scanned at most this often, in ms: unread entries may outlive their time by it. */
const RETRY_MS = 1000

interface Scan {
  readonly slot: number
  readonly keys: Iterator<string>
  /** Of the entries seen so far that stay. */
  earliest: number
}

/** Frees expired entries that nobody reads, in slices. Only the primary expires; it tells the copies. */
export class Sweeper {
  #scan: Scan | undefined

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly writer: Writer,
  ) {}

  /** Looks at about `count` entries. True when more may be due. */
  sweep(count: number, now: number): boolean {
    for (let looked = 0; looked < count;) {
      this.#scan ??= this.#nextScan(now)
      if (!this.#scan) return false
      looked += this.#look(this.#scan, count - looked, now)
    }
    return true
  }

  #nextScan(now: number): Scan | undefined {
    for (;;) {
      const slot = this.store.expiry.nextDue(now)
      if (slot < 0) return undefined
      // What is noted while the scan goes on counts for the next one.
      this.store.expiry.set(slot, Infinity)
      if (this.slots.serving[slot] === Serving.YES)
        return { slot, keys: this.store.keysOf(slot)[Symbol.iterator](), earliest: Infinity }
      this.store.expiry.set(slot, now + RETRY_MS)
    }
  }

  /** @returns at how many entries it looked, at least 1 */
  #look(scan: Scan, count: number, now: number): number {
    const { slot } = scan
    for (let looked = 0; looked < count;) {
      const next = scan.keys.next()
      looked++
      if (next.done || this.slots.serving[slot] !== Serving.YES) {
        this.#scan = undefined
        if (!next.done || scan.earliest < Infinity)
          this.store.expiry.note(slot, Math.max(next.done ? scan.earliest : now, now + RETRY_MS))
        return looked
      }
      const handle = this.store.find(slot, next.value)
      const expiresAt = handle === 0 ? 0 : this.store.records.expiresAt(handle)
      if (expiresAt === 0) continue
      if (expiresAt <= now) this.writer.expire(slot, next.value)
      else if (expiresAt < scan.earliest) scan.earliest = expiresAt
    }
    return count
  }
}
