import {
  CLASS_UNITS,
  largestChunk,
  LEAST_CHUNK_BYTES,
  LEAST_PAGE_BYTES,
  MOST_PAGE_BYTES,
  UNIT_BYTES,
} from './chunk-classes.js'

const UNIT_SHIFT = 4

/** About so many pages hold all that is to be kept, within bounds, so that one that is hardly used wastes little. */
const PAGES = 1024

/** Empty pages that are kept for the next that is needed: new memory costs more than to fill it. */
const SPARE_PAGES = 8

/** Handles are below: V8 keeps smaller numbers in place of pointers. */
const MAX_HANDLE = 2 ** 31

/** What is free in the pages may be this share of what is used, beside a page for each class. */
const MAX_WASTE = 1 / 16

const NO_UNIT = -1
const NO_WORDS = new Uint32Array(0)
const NO_DOUBLES = new Float64Array(0)
const NO_BYTES = Buffer.alloc(0)

interface Page {
  readonly number: number
  readonly memory: ArrayBuffer
  readonly kind: ChunkClass
  used: number
  /** The first unit of a free chunk, which names the next; NO_UNIT: none. */
  free: number
  /** From this unit on nothing was used yet. */
  untouched: number
  /** Its place among those of its class that have room; -1: it is not one of them. */
  place: number
}

interface ChunkClass {
  readonly units: number
  readonly chunksPerPage: number
  /** Pages with a free chunk, the one that is filled now at the end. */
  readonly withRoom: Page[]
  pages: number
  free: number
}

/**
 * Memory outside of V8's heap in chunks of some sizes: pages, each cut into chunks of one class (Bonwick, The Slab Allocator,
 * USENIX 1994). A handle is where a chunk begins, in units, from the first page on. Where too much is free, because other sizes
 * are wanted than before, the page that holds least is emptied into others of its class, which its owner does.
 */
export class Slabs {
  /** By page: its memory, in three ways. */
  readonly words: Uint32Array[] = []
  readonly doubles: Float64Array[] = []
  readonly bytes: Buffer[] = []
  /** Of a handle: what is above is its page, what is below the unit in it. */
  readonly unitBits: number
  readonly #pageBytes: number
  readonly #classes: ChunkClass[]
  /** By size in units. */
  readonly #classBySize: ChunkClass[] = []
  readonly #pages: (Page | undefined)[] = []
  readonly #freeNumbers: number[] = []
  readonly #spare: ArrayBuffer[] = []
  #pageCount = 0
  #freeBytes = 0
  #usedBytes = 0
  #classesInUse = 0
  #leaving: { readonly page: Page; unit: number } | undefined

  /** @param wantedBytes that are to be kept, about */
  constructor(wantedBytes: number) {
    const shift = Math.ceil(Math.log2(Math.max(1, wantedBytes / PAGES)))
    this.#pageBytes = Math.min(Math.max(2 ** shift, LEAST_PAGE_BYTES), MOST_PAGE_BYTES)
    this.unitBits = Math.log2(this.#pageBytes) - UNIT_SHIFT
    this.#classes = classesOf(this.#pageBytes)
    for (const kind of this.#classes)
      while (this.#classBySize.length <= kind.units) this.#classBySize.push(kind)
    // The first page has no chunks: so no handle is 0, and its owner may use some units for ends of lists.
    this.#look(0, new ArrayBuffer(LEAST_CHUNK_BYTES))
    this.#pages.push(undefined)
  }

  /** The largest chunk, in bytes. */
  get maxChunkBytes(): number {
    return (this.#classBySize.length - 1) * UNIT_BYTES
  }

  /** What the pages take, in bytes, spare ones left out. */
  get pageBytes(): number {
    return this.#pageCount * this.#pageBytes
  }

  /** Of that, what chunks take that are in use. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** @param size in bytes, up to `maxChunkBytes` */
  allocate(size: number): number {
    const kind = this.#classOf(size)
    const { withRoom, units } = kind
    const page = withRoom.length > 0 ? withRoom[withRoom.length - 1]! : this.#add(kind)
    const { free } = page
    let unit = free
    if (free !== NO_UNIT) page.free = this.words[page.number]![free << 2]! | 0
    else {
      unit = page.untouched
      page.untouched += units
    }
    page.used++
    this.#use(kind, 1)
    if (page.used === kind.chunksPerPage) this.#hide(page)
    return (page.number << this.unitBits) | unit
  }

  free(handle: number): void {
    const page = this.#pages[handle >>> this.unitBits]!
    const { kind } = page
    const unit = handle & ((1 << this.unitBits) - 1)
    this.words[page.number]![unit << 2] = page.free
    page.free = unit
    page.used--
    this.#use(kind, -1)
    if (page === this.#leaving?.page) return
    if (page.used === 0) this.#drop(page)
    else if (page.place < 0) this.#show(page)
  }

  /** Whether a chunk of this size is of the same class. */
  isAlike(handle: number, size: number): boolean {
    return this.#pages[handle >>> this.unitBits]!.kind === this.#classOf(size)
  }

  /** Whether a page is being emptied, or should be. */
  get isWasteful(): boolean {
    return this.#leaving !== undefined || this.#isTooMuchFree()
  }

  /** Then some class has more than a page of it. */
  #isTooMuchFree(): boolean {
    return this.#freeBytes > MAX_WASTE * this.#usedBytes + this.#classesInUse * this.#pageBytes
  }

  /**
   * Goes on with emptying pages while there are too many.
   * @param count of chunks that are looked at, at most
   * @param move called with each chunk of that page: frees it, when it is in use, and takes another one
   */
  evacuate(count: number, move: (handle: number) => void): void {
    for (let left = count; left > 0; left--) {
      this.#leaving ??= this.#leastUsed()
      if (!this.#leaving) return
      const { page, unit } = this.#leaving
      if (page.used === 0) {
        this.#leaving = undefined
        this.#drop(page)
        continue
      }
      this.#leaving.unit += page.kind.units
      move((page.number << this.unitBits) | unit)
    }
  }

  #classOf(size: number): ChunkClass {
    return this.#classBySize[(size + UNIT_BYTES - 1) >>> UNIT_SHIFT]!
  }

  #use(kind: ChunkClass, count: number): void {
    const bytes = count * kind.units * UNIT_BYTES
    kind.free -= count
    this.#usedBytes += bytes
    this.#freeBytes -= bytes
  }

  /** Of the class with most that is free. */
  #leastUsed(): { page: Page; unit: number } | undefined {
    if (!this.#isTooMuchFree()) return undefined
    let most = this.#classes[0]!
    for (const kind of this.#classes) if (kind.free * kind.units > most.free * most.units) most = kind
    const page = most.withRoom.reduce((least, each) => (each.used < least.used ? each : least))
    this.#hide(page)
    return { page, unit: 0 }
  }

  #add(kind: ChunkClass): Page {
    const number = this.#freeNumbers.pop() ?? this.#pages.length
    if ((number + 1) << this.unitBits >= MAX_HANDLE) throw new RangeError('no more pages can be named')
    const memory = this.#spare.pop() ?? new ArrayBuffer(this.#pageBytes)
    const page = { number, memory, kind, used: 0, free: NO_UNIT, untouched: 0, place: -1 }
    this.#pages[number] = page
    this.#look(number, memory)
    this.#pageCount++
    if (kind.pages++ === 0) this.#classesInUse++
    kind.free += kind.chunksPerPage
    this.#freeBytes += kind.chunksPerPage * kind.units * UNIT_BYTES
    this.#show(page)
    return page
  }

  #look(number: number, memory: ArrayBuffer): void {
    this.words[number] = new Uint32Array(memory)
    this.doubles[number] = new Float64Array(memory)
    this.bytes[number] = Buffer.from(memory)
  }

  /** A page without a chunk that is in use. */
  #drop(page: Page): void {
    const { number, memory, kind } = page
    if (page.place >= 0) this.#hide(page)
    this.words[number] = NO_WORDS
    this.doubles[number] = NO_DOUBLES
    this.bytes[number] = NO_BYTES
    this.#pages[number] = undefined
    this.#freeNumbers.push(number)
    this.#pageCount--
    if (--kind.pages === 0) this.#classesInUse--
    kind.free -= kind.chunksPerPage
    this.#freeBytes -= kind.chunksPerPage * kind.units * UNIT_BYTES
    if (this.#spare.length < SPARE_PAGES) this.#spare.push(memory)
  }

  #show(page: Page): void {
    const { withRoom } = page.kind
    page.place = withRoom.length
    withRoom.push(page)
  }

  #hide(page: Page): void {
    const { withRoom } = page.kind
    const last = withRoom.pop()!
    if (last !== page) {
      withRoom[page.place] = last
      last.place = page.place
    }
    page.place = -1
  }
}

/** From the smallest to the largest. */
function classesOf(pageBytes: number): ChunkClass[] {
  const most = largestChunk(pageBytes) / UNIT_BYTES
  return CLASS_UNITS.filter((units) => units <= most).map((units) => {
    const chunksPerPage = Math.floor(pageBytes / UNIT_BYTES / units)
    return { units, chunksPerPage, withRoom: [], pages: 0, free: 0 }
  })
}
