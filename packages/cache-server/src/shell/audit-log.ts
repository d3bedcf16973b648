import { createHash } from 'node:crypto'
import type { Clock, Key } from '@icf/common'
import type { Logger } from 'pino'
import type { Difference } from '../core/index.js'

/** Keys that are named in so many ms: a copy may differ in all of them. */
const INTERVAL_MS = 1000
const MAX_NAMED = 20

/** Characters of a key's hash, in hexadecimal. */
const HASH_CHARACTERS = 16

/** Warns of keys whose copies differed: that should never be. Keys themselves are nobody's business, so it names their SHA-256. */
export class AuditLog {
  #countedFrom = -Infinity
  #named = 0

  constructor(
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** @param differences of the server's backup of the slot */
  differs(server: string, slot: number, differences: readonly Difference[]): void {
    const now = this.clock.now()
    if (now >= this.#countedFrom + INTERVAL_MS) {
      this.#countedFrom = now
      this.#named = 0
    }
    const named = differences.slice(0, MAX_NAMED - this.#named)
    this.#named += named.length
    if (named.length === 0) return
    this.logger.warn(
      {
        server,
        slot,
        count: differences.length,
        keys: named.map(({ key, kind }) => ({ hash: hashOf(key), kind })),
      },
      'an audit found that a backup differs: sending these keys anew',
    )
  }
}

function hashOf(key: Key): string {
  return createHash('sha256').update(key, 'latin1').digest('hex').slice(0, HASH_CHARACTERS)
}
