import type { ClusterEvent } from '@icf/common'
import type { SlotTable } from './draft.js'
import type { Outlook } from './reconciler.js'
import { countTogether } from './together.js'

/** Moves that have ended, since this master started. */
export interface MovedTotals {
  readonly slots: number
  readonly entries: number
  readonly bytes: number
}

/** The reconciliation that is going on. */
export interface MoveProgress extends MovedTotals {
  readonly elapsedMs: number
  readonly movesPending: number
  readonly bytesPerSecond: number
  /** Milliseconds until the rest is done at the present pace; undefined before the first move has ended. */
  readonly etaMs: number | undefined
}

/** Counts what moved, from the moment there is something to move until all is settled. */
export class Progress {
  #totals = { slots: 0, entries: 0, bytes: 0 }
  #atStart = { ...this.#totals }
  #startedAt: number | undefined
  #isSettled = false
  #togetherSaid = ''

  moved(slots: number, entries: number, bytes: number): void {
    this.#totals.slots += slots
    this.#totals.entries += entries
    this.#totals.bytes += bytes
  }

  get totals(): MovedTotals {
    return { ...this.#totals }
  }

  /** Tells of every new version. @returns the events that it brings about */
  observe({ movesPending, isSettled }: Outlook, topology: SlotTable, now: number): ClusterEvent[] {
    const events: ClusterEvent[] = []
    if (movesPending > 0 && this.#startedAt === undefined) {
      this.#startedAt = now
      this.#atStart = { ...this.#totals }
    }
    if (movesPending === 0 && this.#startedAt !== undefined) {
      const ms = Math.round(now - this.#startedAt)
      this.#startedAt = undefined
      const moved = this.#sinceStart()
      if (moved.slots > 0) events.push({ type: 'MOVED', ...moved, ms })
    }
    if (isSettled && !this.#isSettled) events.push({ type: 'SETTLED' }, ...this.#togetherAnew(topology))
    this.#isSettled = isSettled
    return events
  }

  /** Said once, until it changes. */
  #togetherAnew(topology: SlotTable): ClusterEvent[] {
    const { onOneMachine, inOneZone } = countTogether(topology)
    const [slots, reason] = onOneMachine > 0 ? [onOneMachine, 'on one machine'] : [inOneZone, 'in one zone']
    const said = `${slots} ${reason}`
    if (said === this.#togetherSaid) return []
    this.#togetherSaid = said
    return slots > 0 ? [{ type: 'COPIES_TOGETHER', slots, reason }] : []
  }

  /** undefined while nothing moves. */
  current(movesPending: number, now: number): MoveProgress | undefined {
    if (this.#startedAt === undefined) return undefined
    const elapsedMs = now - this.#startedAt
    const moved = this.#sinceStart()
    return {
      ...moved,
      elapsedMs,
      movesPending,
      bytesPerSecond: elapsedMs > 0 ? (moved.bytes / elapsedMs) * 1000 : 0,
      etaMs: moved.slots > 0 ? (elapsedMs / moved.slots) * movesPending : undefined,
    }
  }

  #sinceStart(): MovedTotals {
    const { slots, entries, bytes } = this.#totals
    const start = this.#atStart
    return { slots: slots - start.slots, entries: entries - start.entries, bytes: bytes - start.bytes }
  }
}
