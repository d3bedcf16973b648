import { limits } from '@icf/common'
import type { PendingCall } from './call.js'

const PAGE_BITS = 8
const PAGE_SIZE = 1 << PAGE_BITS
const PAGE_MASK = PAGE_SIZE - 1
const SPARE_PAGES = 16

/** Ids stay below this, so that they are small integers for the engine and the wire. */
export const ID_END = 2 ** 31

interface Page {
  readonly calls: (PendingCall | undefined)[]
  live: number
}

/**
 * The calls that were sent over one connection, by id. Ids count up, so the calls sit in pages of consecutive ids: one
 * slow call keeps one page, not everything that came after it, and most look-ups hit the page of the one before.
 */
export class InFlight {
  readonly #pages = new Map<number, Page>()
  readonly #spare: Page[] = []
  #nextId: number
  #wrapped = false
  /** The page that the next id goes to; it stays, even when empty. */
  #writing: Page | undefined
  #writingNumber = -1
  #reading: Page | undefined
  #readingNumber = -1
  #count = 0

  readonly #idEnd: number

  /** Other bounds than these are for tests of the wrap. */
  constructor(firstId = 0, idEnd = ID_END) {
    this.#nextId = firstId
    this.#idEnd = idEnd
  }

  get count(): number {
    return this.#count
  }

  /** For tests: how much memory the table holds. */
  get pageCount(): number {
    return this.#pages.size
  }

  /** The id of the next call added. The ids of the frame that begins now will be consecutive and free. */
  beginFrame(): number {
    if (this.#nextId > this.#idEnd - limits.maxCommandsPerFrame) {
      this.#leavePage()
      this.#nextId = 0
      this.#wrapped = true
    }
    if (this.#wrapped) this.#skipOccupied()
    return this.#nextId
  }

  add(call: PendingCall): void {
    const id = this.#nextId++
    let page = this.#writing
    if (page === undefined || (id & PAGE_MASK) === 0) page = this.#openPage(id >>> PAGE_BITS)
    page.calls[id & PAGE_MASK] = call
    page.live++
    this.#count++
  }

  /** Removes and returns the call of this id; undefined when there is none. */
  take(id: number): PendingCall | undefined {
    const number = id >>> PAGE_BITS
    let page = this.#reading
    if (number !== this.#readingNumber) {
      page = this.#pages.get(number)
      this.#reading = page
      this.#readingNumber = page ? number : -1
    }
    const call = page?.calls[id & PAGE_MASK]
    if (call === undefined) return undefined
    page!.calls[id & PAGE_MASK] = undefined
    this.#count--
    if (--page!.live === 0 && page !== this.#writing) this.#freePage(number, page!)
    return call
  }

  /** Puts what `replace` returns in the place of each call; the count does not change. */
  update(replace: (call: PendingCall) => PendingCall): void {
    for (const page of this.#pages.values()) {
      if (page.live === 0) continue
      for (let i = 0; i < PAGE_SIZE; i++) {
        const call = page.calls[i]
        if (call !== undefined) page.calls[i] = replace(call)
      }
    }
  }

  /** All calls in the order in which they were sent. The table is of no use afterwards: a new connection has a new one. */
  drain(): PendingCall[] {
    const calls: PendingCall[] = []
    // A Map keeps the order of insertion, which is that of sending, also across a wrap.
    for (const page of this.#pages.values())
      for (const call of page.calls) if (call !== undefined) calls.push(call)
    this.#pages.clear()
    this.#writing = undefined
    this.#reading = undefined
    this.#readingNumber = -1
    this.#count = 0
    return calls
  }

  #openPage(number: number): Page {
    this.#leavePage()
    const page = this.#spare.pop() ?? {
      calls: new Array<PendingCall | undefined>(PAGE_SIZE).fill(undefined),
      live: 0,
    }
    this.#pages.set(number, page)
    this.#writing = page
    this.#writingNumber = number
    return page
  }

  #leavePage(): void {
    const page = this.#writing
    this.#writing = undefined
    if (page?.live === 0) this.#freePage(this.#writingNumber, page)
  }

  #freePage(number: number, page: Page): void {
    this.#pages.delete(number)
    if (this.#readingNumber === number) {
      this.#reading = undefined
      this.#readingNumber = -1
    }
    if (this.#spare.length < SPARE_PAGES) this.#spare.push(page)
  }

  /** After a wrap, a call that never ended may sit where the ids would go: begin behind it. */
  #skipOccupied(): void {
    const span = limits.maxCommandsPerFrame >>> PAGE_BITS
    let number = this.#nextId >>> PAGE_BITS
    for (let probe = number; probe <= number + span; probe++) {
      const page = this.#pages.get(probe)
      if (page !== undefined && page !== this.#writing) number = probe + 1
    }
    if (number === this.#nextId >>> PAGE_BITS) return
    this.#leavePage()
    this.#nextId = number << PAGE_BITS
  }
}
