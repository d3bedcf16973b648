import { crc32 } from 'node:zlib'
import type { Entry } from './entry.js'

/** Of a long value, so much at once: about a millisecond. */
const PIECE_BYTES = 1024 * 1024

/** What an entry takes beside its value, as if it had so many bytes more. */
const ENTRY_BYTES = 1024

/**
 * Checksums of some entries, over as many turns as that takes: entries never change, so they are those of the moment at which
 * they were looked up. Value, kind, and whether it expires count; when, each server knows by its own clock.
 */
export class Checksums {
  readonly #values: number[] = []
  /** Of the present one that are done. */
  #bytesDone = 0
  #checksum = 0

  constructor(private readonly entries: readonly (Entry | undefined)[]) {}

  /** As many as are done, one for each entry; 0 where there is none. */
  get values(): readonly number[] {
    return this.#values
  }

  get isDone(): boolean {
    return this.#values.length === this.entries.length
  }

  /** Goes on for about so many bytes. @returns how many are left of them, perhaps below 0 */
  advance(bytes: number): number {
    let left = bytes
    while (left > 0 && !this.isDone) left -= this.#step()
    return left
  }

  /** @returns bytes that it took */
  #step(): number {
    const entry = this.entries[this.#values.length]
    if (!entry) return this.#end(0) + ENTRY_BYTES
    const { value, kind, expiresAt } = entry
    if (this.#bytesDone === 0) this.#checksum = 2 * kind + (expiresAt === 0 ? 0 : 1)
    if (typeof value === 'string')
      return this.#end(crc32(Buffer.from(value, 'latin1'), this.#checksum)) + value.length + ENTRY_BYTES
    const piece = value.subarray(this.#bytesDone, this.#bytesDone + PIECE_BYTES)
    this.#checksum = crc32(piece, this.#checksum)
    this.#bytesDone += piece.length
    if (this.#bytesDone === value.length) this.#end(this.#checksum)
    return piece.length + ENTRY_BYTES
  }

  #end(checksum: number): number {
    this.#values.push(checksum)
    this.#bytesDone = 0
    return 0
  }
}
