import type { ClusterEvent, LoggedEvent } from '@icf/common'

export interface EventReader {
  next(event: LoggedEvent): void
  /** No more come: the log goes on with the next active master. */
  ended(): void
}

const MAX_ENTRIES = 10_000
/** Entries that the state file carries over a restart. */
const KEPT_ENTRIES = 100

/** What happened to which server, when. Bounded: the oldest entries are forgotten. */
export class EventLog {
  readonly #entries: LoggedEvent[] = []
  readonly #readers = new Set<EventReader>()
  #nextNumber = 1

  /** A term begins with these: what is new among them is shown, and what was only stamped in an earlier one was not true. */
  goOnFrom(kept: readonly LoggedEvent[]): void {
    const last = this.#entries.at(-1)?.n ?? 0
    this.append(kept.filter(({ n }) => n > last))
    this.#nextNumber = (kept.at(-1)?.n ?? 0) + 1
  }

  /** Numbers what is about to become true. Nobody sees it before it is appended. */
  stamp(events: readonly ClusterEvent[], wallTime: Date): LoggedEvent[] {
    const at = wallTime.toISOString()
    return events.map((event) => ({ n: this.#nextNumber++, at, ...event }))
  }

  append(events: readonly LoggedEvent[]): void {
    this.#entries.push(...events)
    if (this.#entries.length > 2 * MAX_ENTRIES) this.#entries.splice(0, this.#entries.length - MAX_ENTRIES)
    for (const event of events) for (const reader of this.#readers) reader.next(event)
  }

  /** Entries with a greater number, oldest first; at most the newest `MAX_ENTRIES`. */
  since(n: number): LoggedEvent[] {
    return this.#entries.slice(-MAX_ENTRIES).filter((event) => event.n > n)
  }

  /** What the state file keeps, `next` included. */
  kept(next: readonly LoggedEvent[]): LoggedEvent[] {
    return [...this.#entries.slice(-KEPT_ENTRIES), ...next].slice(-KEPT_ENTRIES)
  }

  /** Tells `reader` each new entry. @returns what ends that */
  follow(reader: EventReader): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  /** This master is not the active one any more. */
  endReading(): void {
    const readers = [...this.#readers]
    this.#readers.clear()
    for (const reader of readers) reader.ended()
  }
}
