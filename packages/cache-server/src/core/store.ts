import { SLOT_COUNT } from '@icf/common'
import type { Entry } from './entry.js'
import { ExpiryIndex } from './expiry-index.js'
import { hashOf } from './key-hash.js'
import { KeyIndex } from './key-index.js'
import { FIRST_HANDLE, grown, Recency } from './recency.js'
import { SlotOrder } from './slot-order.js'
import { WriteHistory } from './write-history.js'

const PRIMARY = 0
const BACKUP = 1

/** What the primaries may always keep, whatever the backups take. */
const PRIMARY_SHARE = 0.5

/** Share of the budget by which backups may exceed it before they are evicted: their primaries' evictions may be on their way. */
const BACKUP_PATIENCE = 1 / 16

/** Entries for which there is room at first. */
const FIRST_CAPACITY = 1024

/**
 * The entries of every slot this server has a copy of: a primary LRU and a backup LRU within one byte budget. An entry has a small
 * number, its handle, by which everything about its place stands in typed arrays. A slot changes from one LRU to the other (its
 * promotion) at once by name, and its entries follow in slices. Its life ends at once as well: nobody finds what is of an earlier
 * one, which is freed in slices.
 */
export class Store {
  /** By handle, as are the next two. */
  readonly #entries: (Entry | undefined)[] = []
  /** On which side it is: the LRU that it is in. */
  #sides: Uint8Array
  /** The life of its slot in which it came. */
  #lives: Uint32Array
  readonly #recency: Recency
  readonly #index: KeyIndex
  readonly #order: SlotOrder
  #capacity = FIRST_CAPACITY
  /** The first one that was never used. */
  #unused = FIRST_HANDLE
  /** Those that are free are a chain. 0: none. */
  #free = 0
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
    this.#sides = new Uint8Array(FIRST_CAPACITY)
    this.#lives = new Uint32Array(FIRST_CAPACITY)
    this.#recency = new Recency(FIRST_CAPACITY)
    this.#index = new KeyIndex(this.#entries)
    this.#order = new SlotOrder(slotCount, FIRST_CAPACITY)
    this.#homes = new Uint8Array(slotCount).fill(BACKUP)
    this.#life = new Uint32Array(slotCount)
    this.#living = new Uint32Array(slotCount)
    this.#dead = new Uint32Array(slotCount)
    this.expiry = new ExpiryIndex(slotCount)
    this.history = new WriteHistory(slotCount)
  }

  /** The entry of a key of this slot, as the most recently used one. The caller checks who owns the slot. */
  get(slot: number, key: string): Entry | undefined {
    const handle = this.#find(slot, key)
    if (handle === 0) return undefined
    this.#use(slot, handle)
    return this.#entries[handle]
  }

  /** The entry of a key of this slot, without touching its recency. */
  peek(slot: number, key: string): Entry | undefined {
    const handle = this.#find(slot, key)
    return handle === 0 ? undefined : this.#entries[handle]
  }

  put(entry: Entry): void {
    const { slot, key, expiresAt } = entry
    const hash = hashOf(key, this.hashSeed)
    let handle = this.#index.find(key, hash)
    if (handle === 0) {
      handle = this.#take()
      this.#entries[handle] = entry
      this.#index.add(handle, hash)
      this.#order.add(slot, handle)
      this.#enter(this.#homes[slot]!, handle, entry.costBytes)
      if (this.#renewed.size > 0) this.#countRenewed(slot, 1)
    } else {
      const side = this.#sides[handle]!
      this.#bytes[side]! += entry.costBytes - this.#entries[handle]!.costBytes
      this.#entries[handle] = entry
      this.#use(slot, handle)
      if (this.#lives[handle] !== this.#life[slot]) this.#revive(slot, handle)
    }
    this.#lives[handle] = this.#life[slot]!
    if (expiresAt !== 0) this.expiry.note(slot, expiresAt)
  }

  remove(slot: number, key: string): void {
    const handle = this.#index.find(key, hashOf(key, this.hashSeed))
    if (handle !== 0) this.#drop(slot, handle)
  }

  /** Keys of a slot. The iterator stays valid while entries come (it will see them) and go. */
  *keysOf(slot: number): IterableIterator<string> {
    for (const handle of this.#order.handlesOf(slot))
      if (!this.#isDead(slot, handle)) yield this.#entries[handle]!.key
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
    const handle = this.#find(slot, key)
    return handle !== 0 && this.#lives[handle] === this.#life[slot]
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
    return this.#toWork.size > 0
  }

  /** Moves and frees up to `count` entries. */
  work(count: number): void {
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
  }

  /** Share of the budget that is in use. */
  get fill(): number {
    return this.#usedBytes / this.maxBytes
  }

  /** Whether the budget would be exceeded with so many bytes more. */
  isOverBudget(moreBytes: number): boolean {
    return this.#usedBytes + moreBytes > this.maxBytes
  }

  get #usedBytes(): number {
    return this.#bytes[PRIMARY]! + this.#bytes[BACKUP]! + this.reservedBytes
  }

  /**
   * Takes out the least recently used entry of the side that has more than its share: normally the primaries, whose
   * eviction the backups are told. A backup goes only when its primary makes no room in time; that is an alarm.
   * @param moreBytes about to come
   * @param mayBePrimary false: the primaries can not make room now
   */
  evict(moreBytes: number, mayBePrimary = true): Entry | undefined {
    for (;;) {
      const isPrimary = mayBePrimary && this.#bytes[PRIMARY]! > PRIMARY_SHARE * this.maxBytes
      if (!isPrimary && !this.#isPatienceOver(moreBytes)) return undefined
      const handle = this.#recency.oldest(isPrimary ? PRIMARY : BACKUP)
      if (handle < FIRST_HANDLE) return undefined
      const entry = this.#entries[handle]!
      const isDead = this.#isDead(entry.slot, handle)
      this.#drop(entry.slot, handle)
      if (!isDead) return entry
      // Of an earlier life: its room is what was wanted, and nobody has to know.
      if (!this.isOverBudget(moreBytes)) return undefined
    }
  }

  #isPatienceOver(moreBytes: number): boolean {
    return this.#usedBytes + moreBytes > (1 + BACKUP_PATIENCE) * this.maxBytes
  }

  counts(): { primaryKeys: number; primaryBytes: number; backupKeys: number; backupBytes: number } {
    return {
      primaryKeys: this.#keys[PRIMARY]!,
      primaryBytes: this.#bytes[PRIMARY]!,
      backupKeys: this.#keys[BACKUP]!,
      backupBytes: this.#bytes[BACKUP]!,
    }
  }

  #find(slot: number, key: string): number {
    const handle = this.#index.find(key, hashOf(key, this.hashSeed))
    return handle !== 0 && this.#isDead(slot, handle) ? 0 : handle
  }

  #isDead(slot: number, handle: number): boolean {
    return this.#toWork.size > 0 && this.#lives[handle]! < this.#living[slot]!
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

  /** As the most recently used one, on the side to which its slot belongs. */
  #use(slot: number, handle: number): void {
    const home = this.#homes[slot]!
    this.#recency.remove(handle)
    if (this.#toWork.size === 0) return this.#recency.add(home, handle)
    const side = this.#sides[handle]!
    if (side === home) return this.#recency.add(side, handle)
    const { costBytes } = this.#entries[handle]!
    this.#keys[side]!--
    this.#bytes[side]! -= costBytes
    this.#enter(home, handle, costBytes)
  }

  #enter(side: number, handle: number, costBytes: number): void {
    this.#sides[handle] = side
    this.#keys[side]!++
    this.#bytes[side]! += costBytes
    this.#recency.add(side, handle)
  }

  #drop(slot: number, handle: number): void {
    if (this.#isDead(slot, handle)) this.#dead[slot]!--
    else if (this.#renewed.size > 0 && this.#lives[handle] === this.#life[slot]) this.#countRenewed(slot, -1)
    const side = this.#sides[handle]!
    this.#keys[side]!--
    const { key, costBytes } = this.#entries[handle]!
    this.#bytes[side]! -= costBytes
    this.#index.remove(handle, hashOf(key, this.hashSeed))
    this.#order.remove(slot, handle)
    this.#recency.remove(handle)
    this.#entries[handle] = undefined
    this.#recency.next[handle] = this.#free
    this.#free = handle
  }

  #workOn(slot: number): void {
    if (this.#order.countOf(slot) > 0) this.#toWork.set(slot, undefined)
  }

  /** Frees it if it is dead, and puts it on the side to which its slot belongs. */
  #settle(slot: number, handle: number): void {
    if (this.#isDead(slot, handle)) this.#drop(slot, handle)
    else if (this.#sides[handle] !== this.#homes[slot]) this.#use(slot, handle)
  }

  #take(): number {
    const handle = this.#free
    if (handle !== 0) {
      this.#free = this.#recency.next[handle]!
      return handle
    }
    if (this.#unused === this.#capacity) this.#grow(2 * this.#capacity)
    return this.#unused++
  }

  #grow(capacity: number): void {
    this.#capacity = capacity
    const sides = new Uint8Array(capacity)
    sides.set(this.#sides)
    this.#sides = sides
    this.#lives = grown(this.#lives, capacity)
    this.#recency.grow(capacity)
    this.#order.grow(capacity)
  }
}
