import type { Clock } from '@icf/common'
import type { Logger } from 'pino'

/** At most one line in so many ms: thousands of slots may have the same trouble. */
const INTERVAL_MS = 1000

/** Slots that a line names. */
const MAX_NAMED = 10

/** Warns of backups that were not what they counted as: that should never be, and somebody has to look why it was. */
export class MendLog {
  #silentUntil = -Infinity
  #passedOver = 0

  constructor(
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** @param slots that are copied to the server anew */
  mending(server: string, slots: readonly number[]): void {
    const now = this.clock.now()
    if (now < this.#silentUntil) {
      this.#passedOver += slots.length
      return
    }
    this.#silentUntil = now + INTERVAL_MS
    const passedOver = this.#passedOver
    this.#passedOver = 0
    this.logger.warn(
      { server, count: slots.length, slots: slots.slice(0, MAX_NAMED), passedOver },
      'backups lacked a write, though they counted as complete: copying these slots anew',
    )
  }
}
