/** What a read may not show, and a delete not answer. */
export type Violation =
  /** nothing, though the key was there */
  | 'miss'
  /** a value that had been overwritten before the read began */
  | 'stale'
  /** a value that had been deleted before the read began */
  | 'resurrected'
  /** something that was never written to this key */
  | 'corrupt'
  /** at the end of all: not the last value that was acknowledged */
  | 'lost'
  /** that a key was not there to be deleted, though it was */
  | 'wrong answer'

/** A read under way: the oldest version that it may show. */
export type ReadFloor = number

/**
 * What is known of one key, and whether a read of it can be explained by *some* order of the operations that overlap
 * in time (linearizability of a register with a single writer).
 *
 * The key's one writer numbers its operations 1, 2, 3 …, sets and deletes alike, and begins the next only when the
 * last one has ended; version 0 is the time before the first. A read may show any version from its floor, the newest
 * that was acknowledged or seen by another read before it began, to the newest that began before it ended.
 *
 * A write that failed may take effect or not, until the next one to the same key is acknowledged. The workload
 * expects no failed write at all, so nothing finer is needed.
 */
export class KeyHistory {
  #begun = 0
  #floor: ReadFloor = 0
  #acknowledged = 0
  /** Versions that are deletes, ascending. */
  readonly #deletes: number[] = [0]

  beginSet(): number {
    return ++this.#begun
  }

  beginDelete(): number {
    this.#deletes.push(++this.#begun)
    return this.#begun
  }

  acknowledge(version: number): void {
    this.#acknowledged = version
    this.#raiseFloor(version)
  }

  /** Whether the key is there for certain: its last acknowledged operation was a set, and no delete began since. */
  get isThere(): boolean {
    return this.#deletes.at(-1)! < this.#acknowledged
  }

  /** Whether the newest operation, acknowledged or not, was a set. */
  get isSet(): boolean {
    return this.#deletes.at(-1) !== this.#begun
  }

  beginRead(): ReadFloor {
    return this.#floor
  }

  /** Judges what a read showed: the version in the value, or undefined for no value. */
  endRead(floor: ReadFloor, seen: number | undefined): Violation | undefined {
    const explanation = seen ?? this.#deletes.find((version) => version >= floor)
    if (explanation === undefined) return 'miss'
    if (seen !== undefined && !this.#wasSet(seen)) return 'corrupt'
    if (explanation < floor) return this.#deletedBetween(explanation, floor) ? 'resurrected' : 'stale'
    this.#raiseFloor(explanation)
    return undefined
  }

  /** Judges the last read of all, made when no operation is under way any more. */
  endFinalRead(seen: number | undefined): Violation | undefined {
    const violation = this.endRead(this.#floor, seen)
    return violation === 'miss' || violation === 'stale' ? 'lost' : violation
  }

  /** For messages. */
  toString(): string {
    return `versions ${this.#floor} to ${this.#begun} were possible, of which deletes: ${this.#deletes.slice(-5).join(', ')}`
  }

  #wasSet(version: number): boolean {
    return (
      Number.isInteger(version) && version >= 1 && version <= this.#begun && !this.#deletes.includes(version)
    )
  }

  #deletedBetween(after: number, upTo: number): boolean {
    return this.#deletes.some((version) => version > after && version <= upTo)
  }

  #raiseFloor(version: number): void {
    if (version > this.#floor) this.#floor = version
  }
}
