import { SLOT_COUNT } from '@icf/common'
import { LRUCache } from 'lru-cache'
import type { Entry } from './entry.js'
import { ExpiryIndex } from './expiry-index.js'
import { WriteHistory } from './write-history.js'

const PRIMARY = 0
const BACKUP = 1

/** One for all calls: lru-cache makes an object for each call without. */
const DEFAULTS = {}

/** What the primaries may always keep, whatever the backups take. */
const PRIMARY_SHARE = 0.5

/** Share of the budget by which backups may exceed it before they are evicted: their primaries' evictions may be on their way. */
const BACKUP_PATIENCE = 1 / 16

/**
 * The entries of every slot this server has a copy of: a primary LRU and a backup LRU within one byte budget, and an
 * index of each slot's keys. A slot changes from one LRU to the other (its promotion) at once by name, and its
 * entries follow in slices: until then both are looked into.
 */
export class Store {
  readonly #lrus: readonly [LRUCache<string, Entry>, LRUCache<string, Entry>]
  /** Slot → the LRU that its entries belong to. */
  readonly #home: Uint8Array
  readonly #keys: (Set<string> | undefined)[]
  /** Slots of which some entries may still be in the other LRU, and their keys from where it has come; undefined: not begun. */
  readonly #moving = new Map<number, Iterator<string> | undefined>()
  /** Keys of earlier lives of a slot, whose entries are to be freed: nobody finds them any more. */
  readonly #dying = new Map<number, Set<string>[]>()
  /** Slots whose entries come anew, and the keys of those that have come and are there. */
  readonly #renewed = new Map<number, Set<string>>()
  /** Bytes of the budget that values take which are still being received. */
  reservedBytes = 0
  readonly expiry: ExpiryIndex
  readonly history: WriteHistory

  /** @param maxBytes budget of both LRUs together, in bytes as Entry.costBytes counts them */
  constructor(
    readonly maxBytes: number,
    slotCount = SLOT_COUNT,
  ) {
    this.#home = new Uint8Array(slotCount).fill(BACKUP)
    this.#keys = new Array<undefined>(slotCount).fill(undefined)
    this.expiry = new ExpiryIndex(slotCount)
    this.history = new WriteHistory(slotCount)
    // Of no size of its own: what it evicted by itself, nobody would be told of.
    const lru = (): LRUCache<string, Entry> =>
      new LRUCache({ maxSize: Number.MAX_SAFE_INTEGER, sizeCalculation: (entry) => entry.costBytes })
    this.#lrus = [lru(), lru()]
  }

  /** The entry of a key in whichever LRU, as the most recently used one. The caller checks who owns its slot. */
  get(key: string): Entry | undefined {
    const entry = this.#living(this.#lrus[PRIMARY].get(key, DEFAULTS))
    return entry !== undefined || this.#moving.size === 0 ? entry : this.#getMoving(key)
  }

  /** The entry of a key of this slot, without touching its recency. */
  peek(slot: number, key: string): Entry | undefined {
    const home = this.#home[slot]!
    const entry = this.#living(this.#lrus[home]!.peek(key))
    return entry ?? (this.#moving.has(slot) ? this.#living(this.#lrus[1 - home]!.peek(key)) : undefined)
  }

  put(entry: Entry): void {
    const { slot, key } = entry
    const home = this.#home[slot]!
    const lru = this.#lrus[home]!
    const isScattered = this.#isScattered(slot)
    if (isScattered) this.#lrus[1 - home]!.delete(key)
    const before = lru.size
    lru.set(key, entry, DEFAULTS)
    // What it replaced may have been of an earlier life.
    if (lru.size !== before || isScattered) this.#indexKey(slot, key)
    if (this.#renewed.size > 0) this.#renewed.get(slot)?.add(key)
    if (entry.expiresAt !== 0) this.expiry.note(slot, entry.expiresAt)
  }

  remove(slot: number, key: string): void {
    if (this.#renewed.size > 0) this.#renewed.get(slot)?.delete(key)
    this.#lrus[PRIMARY].delete(key)
    if (this.#home[slot] === BACKUP || this.#isScattered(slot)) this.#lrus[BACKUP].delete(key)
    this.#keys[slot]?.delete(key)
  }

  /** Keys of a slot. The iterator stays valid while entries come (it will see them) and go. */
  keysOf(slot: number): Iterable<string> {
    return this.#keys[slot] ?? []
  }

  countOf(slot: number): number {
    return this.#keys[slot]?.size ?? 0
  }

  /** Makes a slot's entries count as primary or backup ones from now on. */
  setRole(slot: number, role: 'primary' | 'backup'): void {
    const home = role === 'primary' ? PRIMARY : BACKUP
    if (this.#home[slot] === home) return
    this.#home[slot] = home
    if (this.countOf(slot) > 0) this.#moving.set(slot, undefined)
  }

  /** Ends this life of a slot at once: its entries are not found any more, and freed in slices. */
  clear(slot: number): void {
    this.history.clear(slot)
    this.#renewed.delete(slot)
    this.#endLife(slot, undefined)
  }

  /** All entries of the slot come anew. What it has stays until `endRenewal`. */
  beginRenewal(slot: number): void {
    this.#renewed.set(slot, new Set())
  }

  /** Whether the entry of this key, if there is one, has come since the renewal began; true without one. */
  isRenewed(slot: number, key: string): boolean {
    return this.#renewed.get(slot)?.has(key) ?? true
  }

  /** What has not come is not found any more, and freed in slices. */
  endRenewal(slot: number): void {
    const renewed = this.#renewed.get(slot)
    if (!renewed) return
    this.#renewed.delete(slot)
    this.#endLife(slot, renewed)
  }

  /** What the slot has, it keeps. */
  stopRenewal(slot: number): void {
    this.#renewed.delete(slot)
  }

  /** @param next keys of which the entries that are there belong to the next life */
  #endLife(slot: number, next: Set<string> | undefined): void {
    this.#moving.delete(slot)
    const keys = this.#keys[slot]
    this.#keys[slot] = next
    if (!keys || keys.size === 0) return
    const earlier = this.#dying.get(slot)
    if (earlier) earlier.push(keys)
    else this.#dying.set(slot, [keys])
  }

  get hasBackgroundWork(): boolean {
    return this.#moving.size > 0 || this.#dying.size > 0
  }

  /** Moves and frees up to `count` entries. */
  work(count: number): void {
    let left = count
    for (const [slot, lives] of this.#dying) {
      for (const keys of lives)
        for (const key of keys) {
          if (left-- <= 0) return
          keys.delete(key)
          if (!this.#keys[slot]?.has(key)) for (const lru of this.#lrus) lru.delete(key)
        }
      this.#dying.delete(slot)
    }
    for (const [slot, begun] of this.#moving) {
      const keys = begun ?? this.#keys[slot]!.values()
      if (!begun) this.#moving.set(slot, keys)
      for (let next = keys.next(); !next.done; next = keys.next()) {
        this.#moveHome(slot, next.value)
        if (left-- <= 0) return
      }
      this.#moving.delete(slot)
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
    return this.#lrus[PRIMARY].calculatedSize + this.#lrus[BACKUP].calculatedSize + this.reservedBytes
  }

  /**
   * Takes out the least recently used entry of the side that has more than its share: normally the primaries, whose
   * eviction the backups are told. A backup goes only when its primary makes no room in time; that is an alarm.
   * @param moreBytes about to come
   * @param mayBePrimary false: the primaries can not make room now
   */
  evict(moreBytes: number, mayBePrimary = true): Entry | undefined {
    for (;;) {
      const isPrimary = mayBePrimary && this.#lrus[PRIMARY].calculatedSize > PRIMARY_SHARE * this.maxBytes
      if (!isPrimary && !this.#isPatienceOver(moreBytes)) return undefined
      const entry = this.#lrus[isPrimary ? PRIMARY : BACKUP].pop()
      if (!entry) return undefined
      if (this.#living(entry)) {
        this.#keys[entry.slot]!.delete(entry.key)
        this.#renewed.get(entry.slot)?.delete(entry.key)
        return entry
      }
      // Of an earlier life: its room is what was wanted, and nobody has to know.
      if (!this.isOverBudget(moreBytes)) return undefined
    }
  }

  #isPatienceOver(moreBytes: number): boolean {
    return this.#usedBytes + moreBytes > (1 + BACKUP_PATIENCE) * this.maxBytes
  }

  counts(): { primaryKeys: number; primaryBytes: number; backupKeys: number; backupBytes: number } {
    const [primary, backup] = this.#lrus
    return {
      primaryKeys: primary.size,
      primaryBytes: primary.calculatedSize,
      backupKeys: backup.size,
      backupBytes: backup.calculatedSize,
    }
  }

  /** Whether entries of the slot may be in either LRU. */
  #isScattered(slot: number): boolean {
    return (
      (this.#moving.size > 0 && this.#moving.has(slot)) || (this.#dying.size > 0 && this.#dying.has(slot))
    )
  }

  /** The entry, unless it is of an earlier life of its slot. */
  #living(entry: Entry | undefined): Entry | undefined {
    if (entry === undefined || this.#dying.size === 0 || !this.#dying.has(entry.slot)) return entry
    return this.#keys[entry.slot]?.has(entry.key) ? entry : undefined
  }

  #getMoving(key: string): Entry | undefined {
    const entry = this.#living(this.#lrus[BACKUP].peek(key))
    if (!entry || !this.#moving.has(entry.slot)) return undefined
    this.#moveHome(entry.slot, key)
    return entry
  }

  #moveHome(slot: number, key: string): void {
    const home = this.#home[slot]!
    const other = this.#lrus[1 - home]!
    const entry = other.peek(key)
    if (!entry) return
    other.delete(key)
    this.#lrus[home]!.set(key, entry)
  }

  #indexKey(slot: number, key: string): void {
    const keys = this.#keys[slot]
    if (keys) keys.add(key)
    else this.#keys[slot] = new Set([key])
  }
}
