import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { isCount, malformed, shown } from '../wire/checks.js'
import { MessageType, type Message } from '../wire/messages.js'
import type { StagingBudget } from './staging-budget.js'

/** Values that may wait to be named at once. */
const MAX_COMPLETE = 1024

/** A value of which some has come. */
interface PartialValue {
  readonly id: number
  readonly bytes: Buffer
  filled: number
}

/** Assembles the values that a peer sends ahead in chunks. One is under way at a time; a few may wait to be named. */
export class ChunkReceiver {
  #partial: PartialValue | undefined
  readonly #complete = new Map<number, Buffer>()
  #heldBytes = 0
  /** The first chunk of a value that there is no memory for yet. */
  #held: Message | undefined

  /**
   * @param budget undefined: bounded for this link alone
   * @param granted there is memory for the value that had to wait: it has been begun
   */
  constructor(
    private readonly budget: StagingBudget | undefined,
    private readonly granted: () => void,
  ) {}

  /** Whether the peer has to go on: with the rest of a value, or with what names it while others wait for the memory. */
  get isOwed(): boolean {
    return this.#partial !== undefined || (this.#heldBytes > 0 && this.budget?.maxBytes !== Infinity)
  }

  /**
   * False when the value has to wait: nothing more may be received until `granted` is called.
   * @throws IcfError PROTOCOL
   */
  receive(message: Message): boolean {
    const [, id, total, offset, piece] = message
    if (!isCount(id)) throw malformed('id of VALUE_CHUNK', 'a whole number from 0 on', id)
    if (typeof total !== 'number') throw malformed('length in VALUE_CHUNK', 'a number of bytes', total)
    if (!(piece instanceof Uint8Array)) throw malformed('piece in VALUE_CHUNK', 'bytes', piece)
    if (offset === 0) {
      this.#check(id, total)
      if (this.budget && !this.budget.request(total, this.#begin)) {
        this.#held = [...message.slice(0, 4), Buffer.from(piece)]
        return false
      }
      this.#allocate(id, total)
    }
    this.#add(id, offset, piece)
    return true
  }

  /** The bytes are the caller's own from here on. */
  take(id: number): Buffer | undefined {
    const bytes = this.#complete.get(id)
    if (!bytes) return undefined
    this.#complete.delete(id)
    this.#heldBytes -= bytes.length
    this.budget?.release(bytes.length, bytes.length)
    return bytes
  }

  /** The link is gone, and everything held with it. */
  close(): void {
    this.#held = undefined
    this.budget?.withdraw(this.#begin)
    const missing = this.#partial ? this.#partial.bytes.length - this.#partial.filled : 0
    this.budget?.release(this.#heldBytes, this.#heldBytes - missing)
    this.#heldBytes = 0
    this.#partial = undefined
    this.#complete.clear()
  }

  readonly #begin = (): void => {
    const [, id, total, offset, piece] = this.#held as [number, number, number, number, Uint8Array]
    this.#held = undefined
    this.#allocate(id, total)
    this.#add(id, offset, piece)
    this.granted()
  }

  #check(id: number, total: number): void {
    if (this.#complete.has(id)) throw new IcfError('PROTOCOL', `value ${id} is sent ahead twice`)
    if (!Number.isInteger(total) || total <= 0 || total > limits.maxValueBytes)
      throw new IcfError(
        'PROTOCOL',
        `a value of ${total} bytes is announced; the largest is ${limits.maxValueBytes}`,
      )
    if (this.budget?.maxBytes === 0) throw new IcfError('PROTOCOL', 'no value may be sent to this process')
    const isTooMuch = this.#heldBytes + total > 2 * limits.maxValueBytes
    if (this.#partial || isTooMuch || this.#complete.size >= MAX_COMPLETE)
      throw new IcfError('PROTOCOL', 'too many values are sent ahead at once')
  }

  #allocate(id: number, total: number): void {
    this.#heldBytes += total
    this.#partial = { id, bytes: Buffer.allocUnsafeSlow(total), filled: 0 }
  }

  #add(id: number, offset: unknown, piece: Uint8Array): void {
    const partial = this.#partial
    if (
      !partial ||
      partial.id !== id ||
      partial.filled !== offset ||
      offset + piece.length > partial.bytes.length
    )
      throw new IcfError('PROTOCOL', outOfOrder(partial, id, offset, piece))
    partial.bytes.set(piece, offset)
    partial.filled += piece.length
    this.budget?.received(piece.length)
    if (partial.filled < partial.bytes.length) return
    this.#complete.set(id, partial.bytes)
    this.#partial = undefined
  }
}

function outOfOrder(
  partial: PartialValue | undefined,
  id: number,
  offset: unknown,
  piece: Uint8Array,
): string {
  const came = `got ${piece.length} bytes of value ${id} at offset ${shown(offset)}`
  if (!partial) return `a VALUE_CHUNK must begin a value at offset 0, ${came}`
  const left = partial.bytes.length - partial.filled
  return `the next VALUE_CHUNK must be at most ${left} bytes of value ${partial.id} at offset ${partial.filled}, ${came}`
}

/** Cuts one value into messages, from `offset` on. */
export function chunkAt(id: number, bytes: Uint8Array, offset: number): Message {
  const piece = bytes.subarray(offset, offset + limits.chunkBytes)
  return [MessageType.VALUE_CHUNK, id, bytes.length, offset, piece]
}
