import { IcfError } from '@icf/common'
import type { ClientSession, Reply } from './client-session.js'
import type { PendingWrite } from './pending-write.js'
import type { ReplicaChannel } from './replica-channel.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Reads that wait for unacknowledged writes at once. */
const MAX_WAITING_READERS = 100_000

export interface LedgerPorts {
  /** The last unacknowledged write of a parked slot is safe. */
  drained(slot: number): void
  /** What to answer when the slot has another primary: the write may or may not be there. */
  abandoned(): Reply
}

/** The writes that are not on all copies yet: who waits for each of them, and what each of them waits for. */
export class WriteLedger {
  readonly #slots: SlotTable
  readonly #store: Store
  readonly #ports: LedgerPorts
  /** By slot. */
  readonly #counts: Uint32Array
  /** Removals that some copy does not know of yet, by key: who finds nothing under such a key waits for it. */
  readonly #removals = new Map<string, PendingWrite>()
  #waitingReaders = 0

  constructor(slots: SlotTable, store: Store, ports: LedgerPorts) {
    this.#slots = slots
    this.#store = store
    this.#ports = ports
    this.#counts = new Uint32Array(slots.count)
  }

  get isEmpty(): boolean {
    return this.#counts.every((count) => count === 0)
  }

  /** Whether all that was written to the slot is on every copy of it. */
  isDrained(slot: number): boolean {
    return this.#counts[slot] === 0
  }

  /** An entry was stored here, at this handle; the copies are told next. */
  put(write: PendingWrite, handle: number): void {
    this.#counts[write.slot]!++
    this.#store.pend(handle, write)
  }

  /** Under this key there is something again: nobody waits for an earlier removal. */
  overwritten(key: string): void {
    if (this.#removals.size > 0) this.#removals.delete(key)
  }

  /** A key was removed here; the copies are told next. */
  removed(write: PendingWrite): void {
    this.#counts[write.slot]!++
    this.#removals.set(write.key, write)
  }

  /** Something waits for all that was written before; the copies are asked next. */
  confirms(write: PendingWrite): void {
    this.#counts[write.slot]!++
  }

  /** The removal that someone who finds nothing under `key` has to wait for. */
  removalOf(key: string): PendingWrite | undefined {
    return this.#removals.size === 0 ? undefined : this.#removals.get(key)
  }

  /**
   * Answers a read of what `write` did once that is safe.
   * @throws IcfError BUSY
   */
  readAfter(write: PendingWrite, client: ClientSession, id: number, result: Reply): void {
    if (this.#waitingReaders >= MAX_WAITING_READERS)
      throw new IcfError('BUSY', 'too many reads wait for writes that no backup has yet')
    this.#waitingReaders++
    write.addReader(client, id, result)
  }

  /** One more copy has the write. */
  readonly acknowledged = (write: PendingWrite): void => {
    if (!write.stored()) return
    this.#settle(write)
    write.answer()
    const { slot } = write
    if (this.#slots.serving[slot] === Serving.PARKED && this.isDrained(slot)) this.#ports.drained(slot)
  }

  /**
   * Writes that waited for a copy which is none any more wait for the new copy instead, or for nobody; and those that went
   * to a copy which is to be begun anew, for that: it has or will refuse what was sent before.
   * @param areAny there may be such writes. Those that are held are looked at in any case
   */
  retarget(channels: Iterable<ReplicaChannel>, areAny: boolean, now: number): void {
    const { backup, copy } = this.#slots
    const moved: PendingWrite[] = []
    for (const channel of channels) {
      if (!areAny && !channel.holdsWrites) continue
      const isMoved = ({ slot }: PendingWrite): boolean =>
        (backup[slot] !== channel && copy[slot] !== channel) || channel.isToBegin(slot)
      for (const write of channel.takeWrites(isMoved))
        if (isMoved(write)) moved.push(write)
        else channel.hold(write)
    }
    for (const write of moved) this.#moved(write, now)
  }

  #moved(write: PendingWrite, now: number): void {
    const { backup, copy, serving } = this.#slots
    const { slot } = write
    // Also one that was begun before by a topology of its own, after the write: it may lack it still.
    const target = copy[slot] ?? backup[slot]
    if (target && write.isMissingOnce) this.#waitFor(target, write, now)
    if (serving[slot] !== Serving.NO) this.acknowledged(write)
    else if (write.stored()) this.#abandon(write)
  }

  #waitFor(copy: ReplicaChannel, write: PendingWrite, now: number): void {
    const entry = write.isPut ? this.#store.entryOf(write) : undefined
    if (entry) copy.fill(entry, now, write)
    else copy.expect(write)
  }

  /** The slot has another primary: the write may or may not be there. */
  #abandon(write: PendingWrite): void {
    this.#settle(write)
    write.answerInstead(this.#ports.abandoned())
  }

  #settle(write: PendingWrite): void {
    this.#waitingReaders -= write.readerCount
    this.#counts[write.slot]!--
    if (write.isPut) this.#store.settled(write)
    else if (this.#removals.get(write.key) === write) this.#removals.delete(write.key)
  }
}
