import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import type { Writer } from './writer.js'

/**
 * Frees expired entries that nobody reads, looking at about `count` entries. Only the primary expires; it tells the
 * copies. True when more may be due.
 */
export function sweepExpired(
  slots: SlotTable,
  store: Store,
  writer: Writer,
  count: number,
  now: number,
): boolean {
  for (let looked = 0; looked < count;) {
    const slot = store.expiry.nextDue(now)
    if (slot < 0) return false
    if (slots.serving[slot] !== Serving.YES) {
      store.expiry.set(slot, now + RETRY_MS)
      continue
    }
    let earliest = Infinity
    for (const key of store.keysOf(slot)) {
      looked++
      const entry = store.peek(slot, key)
      if (!entry || entry.expiresAt === 0) continue
      if (entry.expiresAt <= now) writer.expire(entry)
      else if (entry.expiresAt < earliest) earliest = entry.expiresAt
    }
    store.expiry.set(slot, Math.max(earliest, now + RETRY_MS))
  }
  return true
}

/** A slot is scanned at most this often, in ms: unread entries may outlive their time by it. */
const RETRY_MS = 1000
