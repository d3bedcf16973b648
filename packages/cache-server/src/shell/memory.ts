import v8 from 'node:v8'

/** Resident memory of a cache server without any entry. */
const PROCESS_BYTES = 64 * 1024 * 1024

/**
 * Share of the rest that entries may take. What else is there: garbage that was not collected yet, buffers that
 * belong to two entries, frames under way. Figures in docs/memory.md.
 */
const ENTRY_SHARE = 0.7

/** V8 lets its heap grow by this before it collects; by default it would double under a steady stream of writes. */
const HEAP_GROWING_PERCENT = 25

/** Smallest --max-memory, in bytes. */
export const MIN_MEMORY_BYTES = 96 * 1024 * 1024

/** Turns what the whole process may take, in bytes, into the budget of its entries. */
export function entryBudget(maxMemoryBytes: number): number {
  return Math.floor((maxMemoryBytes - PROCESS_BYTES) * ENTRY_SHARE)
}

/** Once per process, before it holds much. */
export function boundHeapGrowth(): void {
  v8.setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`)
}
