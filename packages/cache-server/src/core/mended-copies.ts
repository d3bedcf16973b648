import { Held, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

interface MendedCopy {
  /** Keys of what was there before of which nothing has come yet. */
  readonly doubtful: Set<string>
  /** Of the copy. */
  readonly since: number
}

/** Backups here that lack a write, and get all they should have from their primary: what of them is not known to be right. */
export class MendedCopies {
  /** By slot. */
  readonly #copies = new Map<number, MendedCopy>()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
  ) {}

  /** All that the slot must have comes now, up to `end`. What it has stays until then: it may have to be served. */
  begin(slot: number, seq: number): void {
    const doubtful = new Set(this.store.keysOf(slot))
    this.#copies.set(slot, { doubtful, since: this.slots.copySince[slot]! })
    this.slots.beginCopy(slot, seq)
  }

  /** The key's entry, or removal, came. True when it was in doubt until then. */
  came(slot: number, key: string): boolean {
    return this.#copies.size > 0 && this.#copies.get(slot)?.doubtful.delete(key) === true
  }

  /** All has come: what has not is nothing that the primary has. */
  end(slot: number): void {
    const copy = this.#copies.get(slot)
    if (!copy) return
    this.#copies.delete(slot)
    for (const key of copy.doubtful) this.store.remove(slot, key)
  }

  /** What became another copy, or the slot's primary, is not mended on; one that is another server's backup now is torn still. */
  topologyChanged(): void {
    const { held, copySince, torn } = this.slots
    for (const [slot, { since }] of this.#copies) {
      if (held[slot] === Held.BACKUP && copySince[slot] === since) continue
      this.#copies.delete(slot)
      if (held[slot] === Held.BACKUP) torn[slot] = 1
    }
  }
}
