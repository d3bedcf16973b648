import type { PendingWrite } from './pending-write.js'

const BUCKET_BITS = 12

/** 2 ** 32 by the golden ratio: multiplied by it, handles that are near one another fall far apart (Knuth, TAOCP 3, 6.4). */
const SPREAD = 0x9e3779b1

/**
 * Writes by the handles of the entries that they brought. Each is here for a millisecond or so: they are chained to one
 * another, since entering a Map and leaving it takes several times as long. There are as many chains however many there are.
 */
export class PendingWrites {
  readonly #first = new Array<PendingWrite | undefined>(1 << BUCKET_BITS).fill(undefined)

  /** At its handle, where no other one is. */
  add(write: PendingWrite): void {
    const bucket = bucketOf(write.handle)
    write.next = this.#first[bucket]
    this.#first[bucket] = write
  }

  at(handle: number): PendingWrite | undefined {
    let write = this.#first[bucketOf(handle)]
    while (write && write.handle !== handle) write = write.next
    return write
  }

  /** One that is here. */
  remove(write: PendingWrite): void {
    const bucket = bucketOf(write.handle)
    const { next } = write
    write.next = undefined
    let before = this.#first[bucket]
    if (before === write) {
      this.#first[bucket] = next
      return
    }
    while (before!.next !== write) before = before!.next
    before!.next = next
  }
}

function bucketOf(handle: number): number {
  return Math.imul(handle, SPREAD) >>> (32 - BUCKET_BITS)
}
