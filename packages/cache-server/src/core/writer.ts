import type { ClientSession } from './client-session.js'
import { costOf, Entry } from './entry.js'
import type { Origin } from './origin.js'
import { PendingWrite } from './pending-write.js'
import { Held, Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import type { StoredValue } from './stored-value.js'
import type { WriteLedger } from './write-ledger.js'

/** Entries of parked slots that are passed over in one search for something to evict. */
const MAX_PASSED_OVER = 1024

/** Changes the slots this server is the primary of: into the store, out to the copies, and the answer when all have it. */
export class Writer {
  evictions = 0
  backupEvictions = 0
  expirations = 0
  /** Of all values that clients wrote. */
  writtenBytes = 0

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly ledger: WriteLedger,
  ) {}

  /** @param client answered `true` when every copy has it, or at once with `ackPrimary` */
  put(
    client: ClientSession,
    id: number,
    number: number,
    slot: number,
    key: string,
    value: StoredValue,
    kind: number,
    expiresAt: number,
    ackPrimary: boolean,
    now: number,
  ): void {
    const { slots } = this
    this.writtenBytes += value.length
    // First, and so first on the copies, too: they have about as much, and shall not have to evict by themselves.
    this.#makeRoom(slot, key, value)
    const seq = slots.nextSeq(slot)
    const entry = new Entry(key, slot, seq, value, kind, expiresAt)
    const handle = this.store.put(entry)
    this.store.history.note(slot, client.origin, number)
    this.ledger.overwritten(key)
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    if (ackPrimary || (!backup && !copy)) client.reply(id, true)
    if (backup || copy) {
      const write = new PendingWrite(slot, key, true, ackPrimary ? undefined : client, id, true)
      this.ledger.put(write, handle)
      backup?.put(entry, now, write, client.origin, number)
      copy?.put(entry, now, write, client.origin, number)
    }
  }

  /** Removes an entry that is there. @param client answered with `true`, if any */
  remove(slot: number, key: string, client?: ClientSession, id = 0, number = 0): void {
    this.store.remove(slot, key)
    this.store.history.note(slot, client?.origin, number)
    const write = new PendingWrite(slot, key, false, client, id, true)
    if (!this.#tellCopies(write, client?.origin, number)) write.answer()
  }

  /** Writes what is there once more, as a write of its own: so every copy has it again. */
  rewrite({ slot, key, value, kind, expiresAt }: Entry, now: number): void {
    const { slots } = this
    const entry = new Entry(key, slot, slots.nextSeq(slot), value, kind, expiresAt)
    const handle = this.store.put(entry)
    const [backup, copy] = [slots.backup[slot], slots.copy[slot]]
    if (!backup && !copy) return
    const write = new PendingWrite(slot, key, true, undefined, 0, true)
    this.ledger.put(write, handle)
    backup?.put(entry, now, write, undefined, 0)
    copy?.put(entry, now, write, undefined, 0)
  }

  /** A repetition of a write that is done: answered when all that came before it is safe. */
  confirm(client: ClientSession, id: number, slot: number, key: string): void {
    const { slots } = this
    const write = new PendingWrite(slot, key, false, client, id, true)
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    if (!backup && !copy) return write.answer()
    this.ledger.confirms(write)
    backup?.expect(write)
    copy?.expect(write)
  }

  /** Removes an entry whose time is over. */
  expire(slot: number, key: string): void {
    this.expirations++
    this.remove(slot, key)
  }

  /**
   * The removal that someone who finds nothing under `key` has to wait for. Where this server once evicted by itself,
   * the backup may still have something, which its promotion must not bring back after that: it is removed there first.
   */
  removalOf(slot: number, key: string): PendingWrite | undefined {
    const removal = this.ledger.removalOf(key)
    if (removal || this.slots.parted[slot] === 0) return removal
    this.removeFromCopies(slot, key)
    return this.ledger.removalOf(key)
  }

  /**
   * Evicts until the budget is kept, with so many bytes more. Entries of parked slots stay: their copies are already
   * counted as complete. With too many of them, backups have to go instead.
   */
  enforceBudget(moreBytes = 0): void {
    for (let passedOver = 0; this.store.isOverBudget(moreBytes);) {
      const handle = this.store.toEvict(moreBytes, passedOver < MAX_PASSED_OVER)
      if (handle === 0) return
      if (this.slots.serving[this.store.records.slot(handle)] === Serving.PARKED) {
        this.store.passOver(handle)
        passedOver++
      } else this.#evict(handle)
    }
  }

  #makeRoom(slot: number, key: string, value: StoredValue): void {
    const cost = costOf(key, value)
    if (!this.store.isOverBudget(cost)) return
    const replaced = this.store.find(slot, key)
    if (replaced === 0) return this.enforceBudget(cost)
    this.enforceBudget(cost - this.store.records.costBytes(replaced))
    // Its room is counted twice when it was what had to go.
    if (this.store.find(slot, key) === 0) this.enforceBudget(cost)
  }

  /** The primary evicts for all copies. A copy that does so by itself parts from them: that is counted, and noted. */
  #evict(handle: number): void {
    const { slots, store } = this
    const slot = store.records.slot(handle)
    const key = store.records.key(handle)
    store.remove(slot, key)
    if (slots.serving[slot] === Serving.YES) {
      this.evictions++
      this.removeFromCopies(slot, key)
    } else if (slots.held[slot] === Held.BACKUP || slots.held[slot] === Held.INCOMING) {
      this.backupEvictions++
      slots.part(slot)
    }
  }

  /** What is not here (any more) goes from the copies, too; who asks for it waits for that. */
  removeFromCopies(slot: number, key: string): void {
    this.#tellCopies(new PendingWrite(slot, key, false, undefined, 0, true))
  }

  /** Sends a removal to the copies; false when there are none. */
  #tellCopies(write: PendingWrite, origin?: Origin, number = 0): boolean {
    const { slots } = this
    const { slot, key } = write
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    const seq = slots.nextSeq(slot)
    if (!backup && !copy) return false
    this.ledger.removed(write)
    backup?.remove(slot, seq, key, write, origin, number)
    copy?.remove(slot, seq, key, write, origin, number)
    return true
  }
}
