import { SLOT_COUNT } from '@icf/common'
import type { Entry } from './entry.js'
import { ExpiryIndex } from './expiry-index.js'
import { hashOf } from './key-hash.js'
import { KeyIndex } from './key-index.js'
import type { PendingWrite } from './pending-write.js'
import { PendingWrites } from './pending-writes.js'
import { LAST_END, Recency } from './recency.js'
import { Records } from './records.js'
import { SlotOrder } from './slot-order.js'
import { WriteHistory } from './write-history.js'

const PRIMARY = 0
const BACKUP = 1

/** What the primaries may always keep, whatever the backups take. */
const PRIMARY_SHARE = 0.5

/** Share of the budget by which backups may exceed it before they are evicted: their primaries' evictions may be on their way. */
const BACKUP_PATIENCE = 1 / 16

/** From one `work` to the next so many are passed over because they were used: a millisecond or two of a turn of the event loop. */
const CHANCES = 5000

/** While pages are to be emptied, so many places in them are looked at with each entry that comes. */
const EVACUATED_BY_PUT = 16

/**
 * The entries of every slot this server has a copy of: a primary LRU and a backup LRU within one byte budget. An entry has a handle,
 * which names its record; 0 is none. It may get another one whenever something is stored, or `work` is done: no handle is kept
 * longer. A slot changes from one LRU to the other (its promotion) at once by name, and its entries follow in slices. Its life ends
 * at once as well: nobody finds what is of an earlier one, which is freed in slices.
 */
export class Store {
  readonly records: Records
  readonly #recency: Recency
  readonly #index: KeyIndex
  readonly #order: SlotOrder
  /** That brought an entry which some copy has not stored. */
  readonly #pending = new PendingWrites()
  /** By side. */
  readonly #keys = [0, 0]
  readonly #bytes = [0, 0]

  /** By slot, as are the next three: the side to which its entries belong. */
  readonly #homes: Uint8Array
  /** In which what comes is. */
  readonly #life: Uint32Array
  /** The first one of which entries are found: an earlier one than `life` while entries come anew. */
  readonly #living: Uint32Array
  /** Entries of the lives that are over. */
  readonly #dead: Uint32Array
  /** Slots whose entries come anew, and how many have come. */
  readonly #renewed = new Map<number, number>()
  /** Slots of which some entries may be dead or on the wrong side, and those that have not been looked at; undefined: not begun. */
  readonly #toWork = new Map<number, Iterator<number> | undefined>()
  #chances = CHANCES
  /** Bytes of the budget that values take which are still being received. */
  reservedBytes = 0
  readonly expiry: ExpiryIndex
  readonly history: WriteHistory

  /**
   * @param maxBytes budget of both LRUs together, in bytes as Entry.costBytes counts them
   * @param hashSeed by which keys are spread over the tables
   */
  constructor(
    readonly maxBytes: number,
    slotCount = SLOT_COUNT,
    private readonly hashSeed = 0,
  ) {
    this.records = new Records(maxBytes)
    this.#recency = new Recency(this.records)
    this.#index = new KeyIndex(this.records)
    this.#order = new SlotOrder(slotCount, this.records)
    this.#homes = new Uint8Array(slotCount).fill(BACKUP)
    this.#life = new Uint32Array(slotCount)
    this.#living = new Uint32Array(slotCount)
    this.#dead = new Uint32Array(slotCount)
    this.expiry = new ExpiryIndex(slotCount)
    this.history = new WriteHistory(slotCount)
  }

  /** Where the entry of a key of this slot is. The caller checks who owns the slot. */
  find(slot: number, key: string): number {
    const handle = this.#index.find(key, hashOf(key, this.hashSeed))
    return handle !== 0 && this.#isDead(slot, handle) ? 0 : handle
  }

  /** The same, and notes that it is used. */
  use(slot: number, key: string): number {
    const handle = this.find(slot, key)
    if (handle !== 0) this.#use(slot, handle)
    return handle
  }

  /** A copy of the entry of a key of this slot. */
  peek(slot: number, key: string): Entry | undefined {
    const handle = this.find(slot, key)
    return handle === 0 ? undefined : this.records.entry(handle)
  }

  /** @returns where it is */
  put(entry: Entry): number {
    const { slot, key, expiresAt } = entry
    if (this.records.isWasteful) this.#evacuate(EVACUATED_BY_PUT)
    const hash = hashOf(key, this.hashSeed)
    const present = this.#index.find(key, hash)
    const handle = present === 0 ? this.#add(entry, hash) : this.#replace(present, entry, hash)
    this.records.setLife(handle, this.#life[slot]!)
    if (expiresAt !== 0) this.expiry.note(slot, expiresAt)
    return handle
  }

  #add(entry: Entry, hash: number): number {
    const { slot } = entry
    const handle = this.records.add(entry)
    this.#index.add(handle, hash)
    this.#order.add(slot, handle)
    this.#enter(this.#homes[slot]!, handle, entry.costBytes)
    if (this.#renewed.size > 0) this.#countRenewed(slot, 1)
    return handle
  }

  #replace(present: number, entry: Entry, hash: number): number {
    const { records } = this
    const { slot } = entry
    this.#unpend(present)
    this.#bytes[records.side(present)]! += entry.costBytes - records.costBytes(present)
    let handle = present
    if (records.fits(present, entry)) records.replace(present, entry)
    else {
      handle = records.add(entry)
      this.#move(present, handle, hash)
    }
    this.#use(slot, handle)
    if (records.life(handle) !== this.#life[slot]) this.#revive(slot, handle)
    return handle
  }

  remove(slot: number, key: string): void {
    const handle = this.#index.find(key, hashOf(key, this.hashSeed))
    if (handle !== 0) this.#drop(slot, handle)
  }

  /** Keys of a slot. The iterator stays valid while entries come (it will see them) and go. */
  *keysOf(slot: number): IterableIterator<string> {
    for (const handle of this.#order.handlesOf(slot))
      if (!this.#isDead(slot, handle)) yield this.records.key(handle)
  }

  countOf(slot: number): number {
    return this.#order.countOf(slot) - this.#dead[slot]!
  }

  /** Makes a slot's entries count as primary or backup ones from now on. */
  setRole(slot: number, role: 'primary' | 'backup'): void {
    const home = role === 'primary' ? PRIMARY : BACKUP
    if (this.#homes[slot] === home) return
    this.#homes[slot] = home
    this.#workOn(slot)
  }

  /** Ends this life of a slot at once: its entries are not found any more, and freed in slices. */
  clear(slot: number): void {
    this.history.clear(slot)
    this.#renewed.delete(slot)
    this.#living[slot] = ++this.#life[slot]!
    this.#dead[slot] = this.#order.countOf(slot)
    this.#workOn(slot)
  }

  /** All entries of the slot come anew. What it has stays until `endRenewal`. */
  beginRenewal(slot: number): void {
    this.#life[slot]!++
    this.#renewed.set(slot, 0)
  }

  /** Whether the entry of this key, if there is one, has come since the renewal began; true without one. */
  isRenewed(slot: number, key: string): boolean {
    if (!this.#renewed.has(slot)) return true
    const handle = this.find(slot, key)
    return handle !== 0 && this.records.life(handle) === this.#life[slot]
  }

  /** What has not come is not found any more, and freed in slices. */
  endRenewal(slot: number): void {
    const renewed = this.#renewed.get(slot)
    if (renewed === undefined) return
    this.#renewed.delete(slot)
    this.#living[slot] = this.#life[slot]!
    this.#dead[slot] = this.#order.countOf(slot) - renewed
    this.#workOn(slot)
  }

  /** What the slot has, it keeps. */
  stopRenewal(slot: number): void {
    this.#renewed.delete(slot)
  }

  get hasBackgroundWork(): boolean {
    return this.#toWork.size > 0 || this.records.isWasteful
  }

  /** Moves and frees up to `count` entries. */
  work(count: number): void {
    this.#chances = CHANCES
    let left = count
    for (const [slot, begun] of this.#toWork) {
      const handles = begun ?? this.#order.handlesOf(slot)
      if (!begun) this.#toWork.set(slot, handles)
      for (let next = handles.next(); !next.done; next = handles.next()) {
        this.#settle(slot, next.value)
        if (--left === 0) return
      }
      this.#toWork.delete(slot)
    }
    this.#evacuate(left)
  }

  /** Share of the budget that is in use. */
  get fill(): number {
    return this.#usedBytes() / this.maxBytes
  }

  /** Whether the budget would be exceeded with so many bytes more. */
  isOverBudget(moreBytes: number): boolean {
    return this.#usedBytes() + moreBytes > this.maxBytes
  }

  #usedBytes(): number {
    return this.#bytes[PRIMARY]! + this.#bytes[BACKUP]! + this.reservedBytes
  }

  /**
   * About the least recently used entry of the side that has more than its share: the one that came first, unless it was used
   * since (`Recency`). Normally it is of the primaries, whose eviction the backups are told. A backup goes only when its primary
   * makes no room in time; that is an alarm. 0: none is to go.
   * @param moreBytes about to come
   * @param mayBePrimary false: the primaries can not make room now
   */
  toEvict(moreBytes: number, mayBePrimary = true): number {
    for (;;) {
      const isPrimary = mayBePrimary && this.#bytes[PRIMARY]! > PRIMARY_SHARE * this.maxBytes
      if (!isPrimary && !this.#isPatienceOver(moreBytes)) return 0
      const handle = this.#recency.oldest(isPrimary ? PRIMARY : BACKUP)
      if (handle <= LAST_END) return 0
      const slot = this.records.slot(handle)
      if (this.#isDead(slot, handle)) {
        // Of an earlier life: its room is what was wanted, and nobody has to know.
        this.#drop(slot, handle)
        if (!this.isOverBudget(moreBytes)) return 0
      } else if (this.#chances > 0 && this.records.isUsed(handle)) {
        this.#chances--
        this.passOver(handle)
      } else return handle
    }
  }

  /** Others are to go before it. */
  passOver(handle: number): void {
    const { records } = this
    records.setUsed(handle, false)
    this.#recency.remove(handle)
    this.#recency.add(records.side(handle), handle)
  }

  /** Until `settled`, who reads the entry has to wait for this write, which brought it. */
  pend(handle: number, write: PendingWrite): void {
    write.handle = handle
    this.#pending.add(write)
    this.records.setPending(handle, true)
  }

  /** Every copy has what the write brought. */
  settled(write: PendingWrite): void {
    if (write.handle !== 0) this.#unpend(write.handle)
  }

  /** The write that brought the entry, if some copy has not stored that. */
  pendingAt(handle: number): PendingWrite | undefined {
    return this.records.isPending(handle) ? this.#pending.at(handle) : undefined
  }

  /** A copy of the entry that the write brought, if that is still there. */
  entryOf({ slot, handle }: PendingWrite): Entry | undefined {
    return handle !== 0 && !this.#isDead(slot, handle) ? this.records.entry(handle) : undefined
  }

  #isPatienceOver(moreBytes: number): boolean {
    return this.#usedBytes() + moreBytes > (1 + BACKUP_PATIENCE) * this.maxBytes
  }

  counts(): { primaryKeys: number; primaryBytes: number; backupKeys: number; backupBytes: number } {
    return {
      primaryKeys: this.#keys[PRIMARY]!,
      primaryBytes: this.#bytes[PRIMARY]!,
      backupKeys: this.#keys[BACKUP]!,
      backupBytes: this.#bytes[BACKUP]!,
    }
  }

  #isDead(slot: number, handle: number): boolean {
    return this.#toWork.size > 0 && this.records.life(handle) < this.#living[slot]!
  }

  /** Something of an earlier life is replaced. */
  #revive(slot: number, handle: number): void {
    if (this.#isDead(slot, handle)) this.#dead[slot]!--
    if (this.#renewed.size > 0) this.#countRenewed(slot, 1)
  }

  #countRenewed(slot: number, difference: number): void {
    const count = this.#renewed.get(slot)
    if (count !== undefined) this.#renewed.set(slot, count + difference)
  }

  #use(slot: number, handle: number): void {
    this.records.setUsed(handle, true)
    if (this.#toWork.size > 0) this.#bringHome(slot, handle)
  }

  /** Puts it on the side to which its slot belongs. */
  #bringHome(slot: number, handle: number): void {
    const home = this.#homes[slot]!
    const side = this.records.side(handle)
    if (side === home) return
    const costBytes = this.records.costBytes(handle)
    this.#keys[side]!--
    this.#bytes[side]! -= costBytes
    this.#recency.remove(handle)
    this.#enter(home, handle, costBytes)
  }

  #enter(side: number, handle: number, costBytes: number): void {
    this.records.setSide(handle, side)
    this.#keys[side]!++
    this.#bytes[side]! += costBytes
    this.#recency.add(side, handle)
  }

  #drop(slot: number, handle: number): void {
    const { records } = this
    if (this.#isDead(slot, handle)) this.#dead[slot]!--
    else if (this.#renewed.size > 0 && records.life(handle) === this.#life[slot]) this.#countRenewed(slot, -1)
    const side = records.side(handle)
    this.#keys[side]!--
    this.#bytes[side]! -= records.costBytes(handle)
    this.#unpend(handle)
    this.#index.remove(handle, this.#hashAt(handle))
    this.#order.remove(slot, handle)
    this.#recency.remove(handle)
    records.free(handle)
  }

  /** Nobody has to wait for the write any more that brought the entry, if some copy had not stored that. */
  #unpend(handle: number): PendingWrite | undefined {
    const write = this.records.isPending(handle) ? this.#pending.take(handle) : undefined
    if (!write) return undefined
    write.handle = 0
    this.records.setPending(handle, false)
    return write
  }

  /** Empties pages of which little is used. */
  #evacuate(count: number): void {
    this.records.evacuate(count, (handle) => {
      const to = this.records.copy(handle)
      const write = this.#unpend(handle)
      this.#move(handle, to, this.#hashAt(to))
      if (write) this.pend(to, write)
    })
  }

  /** What leads to a record leads to another one of the same key from now on. */
  #move(from: number, to: number, hash: number): void {
    this.records.takePlaceOf(to, from)
    this.#index.replace(from, to, hash)
    this.#order.replace(this.records.slot(to), to)
    this.#recency.replace(to)
    this.records.free(from)
  }

  #hashAt(handle: number): number {
    return hashOf(this.records.key(handle), this.hashSeed)
  }

  #workOn(slot: number): void {
    if (this.#order.countOf(slot) > 0) this.#toWork.set(slot, undefined)
  }

  /** Frees it if it is dead, and puts it on the side to which its slot belongs. */
  #settle(slot: number, handle: number): void {
    if (this.#isDead(slot, handle)) this.#drop(slot, handle)
    else this.#bringHome(slot, handle)
  }
}
