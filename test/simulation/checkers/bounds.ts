import type { SimServer } from '../cluster.js'
import { Violation } from './violation.js'

/**
 * What backups may take beyond the budget before they evict by themselves, and one of the largest entries, which is put in
 * before something else goes: packages/cache-server/src/core/store.ts.
 */
const MOST_FILL = 1 + 1 / 16 + 1 / 4

/** Invariant 8: entries of all servers keep within their budget. */
export function checkBounds(servers: readonly SimServer[], budgetBytes: number): void {
  for (const { process, incarnation } of servers) {
    if (!incarnation) continue
    const { fill } = incarnation.core.store
    if (fill > MOST_FILL)
      throw new Violation(`invariant 8: ${process.name} uses ${fill} of its ${budgetBytes} bytes`)
  }
}
