import type { Key } from '@icf/common'
import { RECORD_HEADER_BYTES, entryCost } from './entry-cost.js'
import { Entry } from './entry.js'
import { Slabs } from './slabs.js'
import { keptBytes, storedValue, type StoredValue } from './stored-value.js'

/**
 * A record is one chunk: what the store knows of an entry, its key, and its value, so that who looks for it finds all in
 * neighbouring lines of the cache. It begins at a unit of 16 bytes. In words of four bytes from there …
 */
const PREV = 0
const NEXT = 1
const PLACE = 2
const LIFE = 3
const VALUE_BYTES = 8
/** The slot, and above it how long the key is: 0 in a chunk that is free. */
const SLOT_AND_KEY_BYTES = 9
/** … in doubles … */
const SEQ = 2
const EXPIRES_AT = 3
/** … and in bytes. */
const KIND = 40
const SIDE = 41
const FLAGS = 42
const KEY = RECORD_HEADER_BYTES

/** The value stands in memory of its own. */
const LARGE = 1
/** Some copy has not stored the entry yet. */
const PENDING = 2
/** It was used since it came, or since it was passed over. */
const USED = 4

/** Up to so many characters a loop is faster than a call out of JavaScript. */
const SHORT = 24

/** The entries of a store outside of V8's heap, each in a record that its handle names. A handle is above `LAST_END`. */
export class Records {
  readonly #slabs: Slabs
  readonly #unitBits: number
  readonly #unitMask: number
  readonly #words: readonly Uint32Array[]
  readonly #doubles: readonly Float64Array[]
  readonly #bytes: readonly Buffer[]
  /** Values that are too long for a chunk, by handle. */
  readonly #large = new Map<number, Uint8Array>()

  /** @param wantedBytes that entries may take, about */
  constructor(wantedBytes: number) {
    const slabs = new Slabs(wantedBytes)
    this.#slabs = slabs
    this.#unitBits = slabs.unitBits
    this.#unitMask = 2 ** slabs.unitBits - 1
    this.#words = slabs.words
    this.#doubles = slabs.doubles
    this.#bytes = slabs.bytes
  }

  /** Makes a record of an entry, which is in no list yet. */
  add(entry: Entry): number {
    const handle = this.#slabs.allocate(this.#sizeOf(entry))
    this.#setByte(handle, FLAGS, 0)
    this.#write(handle, entry)
    return handle
  }

  /** Whether another entry of the same key has room in this record, and does not waste it. */
  fits(handle: number, entry: Entry): boolean {
    return this.#slabs.isAlike(handle, this.#sizeOf(entry))
  }

  /** Puts an entry that `fits` in the place of what is here under its key. */
  replace(handle: number, entry: Entry): void {
    if (this.isLarge(handle)) this.#large.delete(handle)
    this.#setByte(handle, FLAGS, 0)
    this.#write(handle, entry)
  }

  /** Another record of the same entry, to which nothing leads yet. */
  copy(from: number): number {
    const isLarge = this.isLarge(from)
    const size = KEY + this.#keyBytes(from) + (isLarge ? 0 : this.valueBytes(from))
    const to = this.#slabs.allocate(size)
    const start = this.#at(from)
    this.memory(to).set(this.memory(from).subarray(start, start + size), this.#at(to))
    if (isLarge) this.#large.set(to, this.#large.get(from)!)
    return to
  }

  /** It is where the other is in every list, though nothing leads to it yet. */
  takePlaceOf(handle: number, other: number): void {
    this.setPrev(handle, this.prev(other))
    this.setNext(handle, this.next(other))
    this.setPlace(handle, this.place(other))
    this.setLife(handle, this.life(other))
    this.setSide(handle, this.side(other))
  }

  /** Nothing leads to it any more. */
  free(handle: number): void {
    if (this.isLarge(handle)) this.#large.delete(handle)
    this.#setWord(handle, SLOT_AND_KEY_BYTES, 0)
    this.#slabs.free(handle)
  }

  /** What the pages take in which records are, in bytes. */
  get pageBytes(): number {
    return this.#slabs.pageBytes
  }

  /** Of that, what the records take. */
  get usedBytes(): number {
    return this.#slabs.usedBytes
  }

  /** Whether `evacuate` has something to do. */
  get isWasteful(): boolean {
    return this.#slabs.isWasteful
  }

  /**
   * Looks at up to `count` places in pages that are to be emptied.
   * @param move called with each record that is there: makes a `copy`, and frees this one
   */
  evacuate(count: number, move: (handle: number) => void): void {
    this.#slabs.evacuate(count, (handle) => {
      if (this.#keyBytes(handle) !== 0) move(handle)
    })
  }

  hasKey(handle: number, key: Key): boolean {
    const { length } = key
    if (this.#keyBytes(handle) !== length) return false
    const bytes = this.memory(handle)
    const start = this.#at(handle) + KEY
    for (let i = 0; i < length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false
    return true
  }

  key(handle: number): Key {
    const start = this.#at(handle) + KEY
    return this.memory(handle).toString('latin1', start, start + this.#keyBytes(handle))
  }

  /** A copy, unless it is large. */
  value(handle: number): StoredValue {
    return this.isLarge(handle)
      ? this.#large.get(handle)!
      : storedValue(this.memory(handle), this.valueAt(handle), this.valueBytes(handle))
  }

  entry(handle: number): Entry {
    return new Entry(
      this.key(handle),
      this.slot(handle),
      this.seq(handle),
      this.value(handle),
      this.kind(handle),
      this.expiresAt(handle),
    )
  }

  /** What the entry is charged. */
  costBytes(handle: number): number {
    return entryCost(this.#keyBytes(handle), this.valueBytes(handle))
  }

  /** The page in which it is … */
  memory(handle: number): Buffer {
    return this.#bytes[handle >>> this.#unitBits]!
  }

  /** … and where its value begins there, if it is not large. */
  valueAt(handle: number): number {
    return this.#at(handle) + KEY + this.#keyBytes(handle)
  }

  valueBytes(handle: number): number {
    return this.#word(handle, VALUE_BYTES)
  }

  isLarge(handle: number): boolean {
    return (this.#byte(handle, FLAGS) & LARGE) !== 0
  }

  /** Neither large nor pending: it can be answered as it stands here. */
  isPlain(handle: number): boolean {
    return (this.#byte(handle, FLAGS) & (LARGE | PENDING)) === 0
  }

  isPending(handle: number): boolean {
    return (this.#byte(handle, FLAGS) & PENDING) !== 0
  }

  setPending(handle: number, isPending: boolean): void {
    const flags = this.#byte(handle, FLAGS)
    this.#setByte(handle, FLAGS, isPending ? flags | PENDING : flags & ~PENDING)
  }

  isUsed(handle: number): boolean {
    return (this.#byte(handle, FLAGS) & USED) !== 0
  }

  setUsed(handle: number, isUsed: boolean): void {
    const flags = this.#byte(handle, FLAGS)
    const wanted = isUsed ? flags | USED : flags & ~USED
    if (flags !== wanted) this.#setByte(handle, FLAGS, wanted)
  }

  slot(handle: number): number {
    return this.#word(handle, SLOT_AND_KEY_BYTES) & 0xffff
  }

  seq(handle: number): number {
    return this.#double(handle, SEQ)
  }

  kind(handle: number): number {
    return this.#byte(handle, KIND)
  }

  expiresAt(handle: number): number {
    return this.#double(handle, EXPIRES_AT)
  }

  /** This and the next three are for `Recency`, whose ends of lists are handles, too. */
  prev(handle: number): number {
    return this.#word(handle, PREV)
  }

  next(handle: number): number {
    return this.#word(handle, NEXT)
  }

  setPrev(handle: number, prev: number): void {
    this.#setWord(handle, PREV, prev)
  }

  setNext(handle: number, next: number): void {
    this.#setWord(handle, NEXT, next)
  }

  place(handle: number): number {
    return this.#word(handle, PLACE)
  }

  setPlace(handle: number, place: number): void {
    this.#setWord(handle, PLACE, place)
  }

  life(handle: number): number {
    return this.#word(handle, LIFE)
  }

  setLife(handle: number, life: number): void {
    this.#setWord(handle, LIFE, life)
  }

  side(handle: number): number {
    return this.#byte(handle, SIDE)
  }

  setSide(handle: number, side: number): void {
    this.#setByte(handle, SIDE, side)
  }

  #write(handle: number, { key, slot, seq, value, kind, expiresAt }: Entry): void {
    const page = handle >>> this.#unitBits
    const unit = handle & this.#unitMask
    const words = this.#words[page]!
    words[4 * unit + VALUE_BYTES] = value.length
    words[4 * unit + SLOT_AND_KEY_BYTES] = slot | (key.length << 16)
    const doubles = this.#doubles[page]!
    doubles[2 * unit + SEQ] = seq
    doubles[2 * unit + EXPIRES_AT] = expiresAt
    const bytes = this.#bytes[page]!
    const at = 16 * unit
    bytes[at + KIND] = kind
    writeText(bytes, at + KEY, key)
    if (this.#isTooLong(key, value)) {
      bytes[at + FLAGS]! |= LARGE
      this.#large.set(handle, keptBytes(value))
    } else if (typeof value === 'string') writeText(bytes, at + KEY + key.length, value)
    else bytes.set(value, at + KEY + key.length)
  }

  #sizeOf({ key, value }: Entry): number {
    return KEY + key.length + (this.#isTooLong(key, value) ? 0 : value.length)
  }

  #isTooLong(key: Key, value: StoredValue): boolean {
    return KEY + key.length + value.length > this.#slabs.maxChunkBytes
  }

  #keyBytes(handle: number): number {
    return this.#word(handle, SLOT_AND_KEY_BYTES) >>> 16
  }

  #at(handle: number): number {
    return 16 * (handle & this.#unitMask)
  }

  #word(handle: number, field: number): number {
    return this.#words[handle >>> this.#unitBits]![4 * (handle & this.#unitMask) + field]!
  }

  #setWord(handle: number, field: number, value: number): void {
    this.#words[handle >>> this.#unitBits]![4 * (handle & this.#unitMask) + field] = value
  }

  #double(handle: number, field: number): number {
    return this.#doubles[handle >>> this.#unitBits]![2 * (handle & this.#unitMask) + field]!
  }

  #byte(handle: number, field: number): number {
    return this.#bytes[handle >>> this.#unitBits]![16 * (handle & this.#unitMask) + field]!
  }

  #setByte(handle: number, field: number, value: number): void {
    this.#bytes[handle >>> this.#unitBits]![16 * (handle & this.#unitMask) + field] = value
  }
}

/** @param text of one character for each byte */
function writeText(bytes: Buffer, at: number, text: string): void {
  const { length } = text
  if (length > SHORT) bytes.write(text, at, length, 'latin1')
  else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
}
