import v8 from 'node:v8'
import type { Clock } from '@icf/common'

/** Resident memory of a cache server at work, entries and their garbage aside. */
const PROCESS_BYTES = 96 * 1024 * 1024

/**
 * Share of the rest that entries may take. What else is there: what is free in pages, garbage that was not collected yet,
 * frames under way. Figures in docs/memory.md.
 */
const ENTRY_SHARE = 0.8

/** What is there besides takes no less. */
const LEAST_OTHER_BYTES = 12 * 1024 * 1024

/** Near the budget, V8 may let its heap grow by this before it collects; by itself it would about double it. */
const HEAP_GROWING_PERCENT = 25

/** Below this share of the budget V8 decides by itself: there is room for garbage, and collecting seldom is faster. */
const NEAR_BUDGET = 0.4

/** Smallest --max-memory, in bytes. */
export const MIN_MEMORY_BYTES = 128 * 1024 * 1024

/** Largest: entries in more pages could not be named (core/slabs.ts). */
export const MAX_MEMORY_BYTES = 32 * 1024 ** 3

/** Turns what the whole process may take, in bytes, into the budget of its entries. */
export function entryBudget(maxMemoryBytes: number): number {
  const bytes = maxMemoryBytes - PROCESS_BYTES
  return Math.max(0, Math.floor(Math.min(bytes * ENTRY_SHARE, bytes - LEAST_OTHER_BYTES)))
}

/**
 * Bytes at which V8 ends the process, whatever memory there is: where Node.js was not told more, about half of the
 * machine or container, and at most 4 GiB.
 */
export function heapLimit(): number {
  return v8.getHeapStatistics().heap_size_limit
}

/** The memory of a process that holds a cache server, as far as it can be seen and steered. */
export interface ProcessMemory {
  residentBytes(): number
  /** @param fill share of the entries' budget that is in use */
  follow(fill: number): void
}

const RESIDENT_INTERVAL_MS = 1000

/** Keeps V8's garbage within what `entryBudget` leaves for it. One for the process. */
export class NodeMemory implements ProcessMemory {
  #isBounded = false
  #resident = { at: -Infinity, bytes: 0 }

  constructor(private readonly clock: Clock) {}

  /** Read seldom: it takes the system about a millisecond. */
  residentBytes(): number {
    const now = this.clock.now()
    if (now - this.#resident.at >= RESIDENT_INTERVAL_MS)
      this.#resident = { at: now, bytes: process.memoryUsage.rss() }
    return this.#resident.bytes
  }

  follow(fill: number): void {
    const isBounded = fill >= NEAR_BUDGET
    if (isBounded === this.#isBounded) return
    this.#isBounded = isBounded
    // V8 reads this flag anew after each collection; 0 stands for its own judgement.
    v8.setFlagsFromString(`--heap-growing-percent=${isBounded ? HEAP_GROWING_PERCENT : 0}`)
  }
}
