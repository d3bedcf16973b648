import type { ClientSession } from './client-session.js'
import { Entry, type StoredValue } from './entry.js'
import { PendingWrite } from './pending-write.js'
import { Held, Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Evictions that one write may cause, and entries of parked slots it may pass over for them. */
const MAX_EVICTIONS_PER_WRITE = 1024

/** Changes the slots this server is the primary of: into the store, out to the copies, and the answer when all have it. */
export class Writer {
  evictions = 0
  backupEvictions = 0
  expirations = 0
  /** Removals that some copy does not know of yet, by key: who finds nothing under such a key waits for it. */
  readonly #removals = new Map<string, PendingWrite>()

  /** @param drained told when the last unacknowledged write of a parked slot is safe */
  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly drained: (slot: number) => void,
  ) {}

  /** @param client answered `true` when every copy has it, or at once with `ackPrimary` */
  put(
    client: ClientSession,
    id: number,
    slot: number,
    key: string,
    value: StoredValue,
    kind: number,
    expiresAt: number,
    ackPrimary: boolean,
    now: number,
  ): void {
    const { slots } = this
    const seq = ++slots.seq[slot]!
    const entry = new Entry(key, slot, seq, value, kind, expiresAt)
    this.store.put(entry)
    if (this.#removals.size > 0) this.#removals.delete(key)
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    if (ackPrimary || (!backup && !copy)) client.reply(id, true)
    if (backup || copy) {
      const write = new PendingWrite(slot, key, entry, ackPrimary ? undefined : client, id, true)
      entry.pending = write
      slots.unacknowledged[slot]!++
      backup?.put(entry, now, write)
      copy?.put(entry, now, write)
    }
    this.enforceBudget()
  }

  /** Removes an entry that is there. @param client answered with `true`, if any */
  remove(entry: Entry, client?: ClientSession, id = 0): void {
    this.store.remove(entry.slot, entry.key)
    const write = new PendingWrite(entry.slot, entry.key, undefined, client, id, true)
    if (this.#tellCopies(write)) this.#removals.set(entry.key, write)
    else write.answer()
  }

  /** Removes an entry whose time is over. */
  expire(entry: Entry): void {
    this.expirations++
    this.remove(entry)
  }

  /** The removal that someone who finds nothing under `key` has to wait for. */
  pendingRemoval(key: string): PendingWrite | undefined {
    return this.#removals.size === 0 ? undefined : this.#removals.get(key)
  }

  /** One more copy has the write. */
  readonly acknowledged = (write: PendingWrite): void => {
    if (--write.remaining > 0) return
    this.#settle(write)
    write.answer()
    const { slot } = write
    if (this.slots.serving[slot] === Serving.PARKED && this.slots.unacknowledged[slot] === 0)
      this.drained(slot)
  }

  /** The slot has another primary: the write may or may not be there. */
  abandon(write: PendingWrite, answer: unknown): void {
    this.#settle(write)
    write.answerInstead(answer)
  }

  /** Evicts until the budget is kept again. Entries of parked slots stay: their copies are already counted as complete. */
  enforceBudget(): void {
    for (let i = 0; this.store.isOverBudget && i < MAX_EVICTIONS_PER_WRITE; i++) {
      const evicted = this.store.evict()
      if (!evicted) return
      const { entry, side } = evicted
      if (side === 'backup') this.backupEvictions++
      else if (this.slots.serving[entry.slot] === Serving.PARKED) this.store.put(entry)
      else this.#evicted(entry)
    }
  }

  #evicted(entry: Entry): void {
    const { slots } = this
    if (slots.serving[entry.slot] === Serving.YES) {
      this.evictions++
      this.#tellCopies(new PendingWrite(entry.slot, entry.key, undefined, undefined, 0, true))
    } else if (slots.held[entry.slot] === Held.BACKUP) this.backupEvictions++
  }

  /** Sends a removal to the copies; false when there are none. */
  #tellCopies(write: PendingWrite): boolean {
    const { slots } = this
    const { slot, key } = write
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    const seq = ++slots.seq[slot]!
    if (!backup && !copy) return false
    slots.unacknowledged[slot]!++
    backup?.remove(slot, seq, key, write)
    copy?.remove(slot, seq, key, write)
    return true
  }

  #settle(write: PendingWrite): void {
    this.slots.unacknowledged[write.slot]!--
    if (write.entry) {
      if (write.entry.pending === write) write.entry.pending = undefined
    } else if (this.#removals.get(write.key) === write) this.#removals.delete(write.key)
  }
}
