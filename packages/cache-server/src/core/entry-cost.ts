import { chunkBytes, largestChunk, LEAST_PAGE_BYTES, MOST_CHUNK_BYTES } from './chunk-classes.js'

/** What a record has before its key. */
export const RECORD_HEADER_BYTES = 43

/** What an entry takes beside its record, in the tables that lead to it. Measured: 16 to 35, docs/memory.md. */
const INDEX_BYTES = 32

/** What memory of its own takes beside the value. Measured: 350. */
const BUFFER_OVERHEAD_BYTES = 350

/** Longer records are in one chunk only where there is memory for large pages. */
const SURE_CHUNK_BYTES = largestChunk(LEAST_PAGE_BYTES)

/**
 * What an entry is charged: what it takes, of all its chunk. The same on all servers, so that a copy is charged what its original is:
 * of the two places that a value may have, the dearer one counts.
 */
export function entryCost(keyBytes: number, valueBytes: number): number {
  const head = RECORD_HEADER_BYTES + keyBytes
  const size = head + valueBytes
  if (size <= SURE_CHUNK_BYTES) return INDEX_BYTES + chunkBytes(size)
  const apart = chunkBytes(head) + valueBytes + BUFFER_OVERHEAD_BYTES
  return INDEX_BYTES + (size <= MOST_CHUNK_BYTES ? Math.max(apart, chunkBytes(size)) : apart)
}
