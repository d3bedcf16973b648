import { IcfError } from '@icf/common'
import type { ClientSession } from './client-session.js'
import { costOf, Entry, mostOf, type StoredValue } from './entry.js'
import type { Origin } from './origin.js'
import { PendingWrite } from './pending-write.js'
import { Held, Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Entries of parked slots that are passed over in one search for something to evict. */
const MAX_PASSED_OVER = 1024

/** Reads that wait for unacknowledged writes at once. */
const MAX_WAITING_READERS = 100_000

/** Changes the slots this server is the primary of: into the store, out to the copies, and the answer when all have it. */
export class Writer {
  evictions = 0
  backupEvictions = 0
  expirations = 0
  #waitingReaders = 0
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
    // First, and so first on the copies, too: they have about as much, and shall not have to evict by themselves.
    this.#makeRoom(slot, key, value)
    const seq = ++slots.seq[slot]!
    const entry = new Entry(key, slot, seq, value, kind, expiresAt)
    this.store.put(entry)
    this.store.history.note(slot, client.origin, number)
    if (this.#removals.size > 0) this.#removals.delete(key)
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    if (ackPrimary || (!backup && !copy)) client.reply(id, true)
    if (backup || copy) {
      const write = new PendingWrite(slot, key, entry, ackPrimary ? undefined : client, id, true)
      entry.pending = write
      slots.unacknowledged[slot]!++
      backup?.put(entry, now, write, client.origin, number)
      copy?.put(entry, now, write, client.origin, number)
    }
  }

  /** Removes an entry that is there. @param client answered with `true`, if any */
  remove(entry: Entry, client?: ClientSession, id = 0, number = 0): void {
    this.store.remove(entry.slot, entry.key)
    this.store.history.note(entry.slot, client?.origin, number)
    const write = new PendingWrite(entry.slot, entry.key, undefined, client, id, true)
    if (this.#tellCopies(write, client?.origin, number)) this.#removals.set(entry.key, write)
    else write.answer()
  }

  /** A repetition of a write that is done: answered when all that came before it is safe. */
  confirm(client: ClientSession, id: number, slot: number, key: string): void {
    const { slots } = this
    const write = new PendingWrite(slot, key, undefined, client, id, true)
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    if (!backup && !copy) return write.answer()
    slots.unacknowledged[slot]!++
    backup?.expect(write)
    copy?.expect(write)
  }

  /** Removes an entry whose time is over. */
  expire(entry: Entry): void {
    this.expirations++
    this.remove(entry)
  }

  /**
   * The removal that someone who finds nothing under `key` has to wait for. Where this server once evicted by itself,
   * the backup may still have something, which its promotion must not bring back after that: it is removed there first.
   */
  removalOf(slot: number, key: string): PendingWrite | undefined {
    const removal = this.#removals.size === 0 ? undefined : this.#removals.get(key)
    if (removal || this.slots.parted[slot] === 0) return removal
    this.#removeFromCopies(slot, key)
    return this.#removals.get(key)
  }

  /**
   * Answers a read of what `write` did once that is safe.
   * @throws IcfError BUSY
   */
  readAfter(write: PendingWrite, client: ClientSession, id: number, result: unknown): void {
    if (this.#waitingReaders >= MAX_WAITING_READERS)
      throw new IcfError('BUSY', 'too many reads wait for writes that no backup has yet')
    this.#waitingReaders++
    write.addReader(client, id, result)
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

  /**
   * Evicts until the budget is kept, with so many bytes more. Entries of parked slots stay: their copies are already
   * counted as complete.
   */
  enforceBudget(moreBytes = 0): void {
    for (let passedOver = 0; this.store.isOverBudget(moreBytes) && passedOver < MAX_PASSED_OVER;) {
      const entry = this.store.evict(moreBytes)
      if (!entry) return
      if (this.slots.serving[entry.slot] === Serving.PARKED) {
        this.store.put(entry)
        passedOver++
      } else this.#evicted(entry)
    }
  }

  #makeRoom(slot: number, key: string, value: StoredValue): void {
    // Far from full, which is cheaper to see than what exactly the entry costs.
    if (!this.store.isOverBudget(mostOf(key, value))) return
    this.enforceBudget(costOf(key, value) - (this.store.peek(slot, key)?.costBytes ?? 0))
  }

  /** The primary evicts for all copies. A copy that does so by itself parts from them: that is counted, and noted. */
  #evicted({ slot, key }: Entry): void {
    const { slots } = this
    if (slots.serving[slot] === Serving.YES) {
      this.evictions++
      this.#removeFromCopies(slot, key)
    } else if (slots.held[slot] === Held.BACKUP || slots.held[slot] === Held.INCOMING) {
      this.backupEvictions++
      slots.parted[slot] = 1
    }
  }

  /** What is not here (any more) goes from the copies, too; who asks for it waits for that. */
  #removeFromCopies(slot: number, key: string): void {
    const write = new PendingWrite(slot, key, undefined, undefined, 0, true)
    if (this.#tellCopies(write)) this.#removals.set(key, write)
  }

  /** Sends a removal to the copies; false when there are none. */
  #tellCopies(write: PendingWrite, origin?: Origin, number = 0): boolean {
    const { slots } = this
    const { slot, key } = write
    const backup = slots.backup[slot]
    const copy = slots.copy[slot]
    const seq = ++slots.seq[slot]!
    if (!backup && !copy) return false
    slots.unacknowledged[slot]!++
    backup?.remove(slot, seq, key, write, origin, number)
    copy?.remove(slot, seq, key, write, origin, number)
    return true
  }

  #settle(write: PendingWrite): void {
    this.#waitingReaders -= write.readerCount
    this.slots.unacknowledged[write.slot]!--
    if (write.entry) {
      if (write.entry.pending === write) write.entry.pending = undefined
    } else if (this.#removals.get(write.key) === write) this.#removals.delete(write.key)
  }
}
