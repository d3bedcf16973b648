import { Held, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Backups here that lack a write, and get all they should have from their primary: what of them is not known to be right. */
export class MendedCopies {
  /** By slot, the `copySince` of the copy. */
  readonly #copies = new Map<number, number>()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
  ) {}

  /** All that the slot must have comes now, up to `end`. What it has stays until then: it may have to be served. */
  begin(slot: number, seq: number): void {
    this.store.beginRenewal(slot)
    this.#copies.set(slot, this.slots.copySince[slot]!)
    this.slots.beginCopy(slot, seq)
  }

  /** Whether what is there under the key was there before, and nothing has come of it yet. */
  isDoubtful(slot: number, key: string): boolean {
    return this.#copies.size > 0 && !this.store.isRenewed(slot, key)
  }

  /** Whether the slot is being mended. */
  has(slot: number): boolean {
    return this.#copies.has(slot)
  }

  /** All has come: what has not is nothing that the primary has. */
  end(slot: number): void {
    if (this.#copies.delete(slot)) this.store.endRenewal(slot)
  }

  /** What became another copy, or the slot's primary, is not mended on; one that is another server's backup now is torn still. */
  topologyChanged(): void {
    const { held, copySince, torn } = this.slots
    for (const [slot, since] of this.#copies) {
      if (held[slot] === Held.BACKUP && copySince[slot] === since) continue
      this.#copies.delete(slot)
      this.store.stopRenewal(slot)
      if (held[slot] === Held.BACKUP) torn[slot] = 1
    }
  }
}
