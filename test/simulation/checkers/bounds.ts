import type { SimServer } from '../cluster.js'
import { Violation } from './violation.js'

/** Backups may take so much more before they evict by themselves: packages/cache-server/src/core/store.ts. */
const MOST_FILL = 1 + 1 / 16

/** Invariant 8: entries of all servers keep within their budget. */
export function checkBounds(servers: readonly SimServer[]): void {
  for (const { process, incarnation } of servers) {
    if (!incarnation) continue
    const { fill, maxBytes } = incarnation.core.store
    if (fill > MOST_FILL)
      throw new Violation(`invariant 8: ${process.name} uses ${fill} of its ${maxBytes} bytes`)
  }
}
