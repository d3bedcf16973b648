import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { MessageType, type Message } from '../messages.js'

/** Assembles the values that a peer sends ahead in chunks. One is under way at a time; a few may wait to be named. */
export class ChunkReceiver {
  #partial: { id: number; bytes: Buffer; filled: number } | undefined
  readonly #complete = new Map<number, Buffer>()
  #heldBytes = 0

  /** @throws IcfError PROTOCOL */
  receive(message: Message): void {
    const [, id, total, offset, piece] = message
    if (typeof id !== 'number' || typeof total !== 'number' || !(piece instanceof Uint8Array))
      throw new IcfError('PROTOCOL', 'malformed VALUE_CHUNK')
    if (offset === 0) this.#begin(id, total)
    const partial = this.#partial
    if (
      !partial ||
      partial.id !== id ||
      partial.filled !== offset ||
      offset + piece.length > partial.bytes.length
    )
      throw new IcfError('PROTOCOL', 'VALUE_CHUNK out of order')
    partial.bytes.set(piece, offset)
    partial.filled += piece.length
    if (partial.filled < partial.bytes.length) return
    this.#complete.set(id, partial.bytes)
    this.#partial = undefined
  }

  /** The bytes are the caller's own from here on. */
  take(id: number): Buffer | undefined {
    const bytes = this.#complete.get(id)
    if (!bytes) return undefined
    this.#complete.delete(id)
    this.#heldBytes -= bytes.length
    return bytes
  }

  #begin(id: number, total: number): void {
    if (!Number.isInteger(total) || total <= 0 || total > limits.maxValueBytes)
      throw new IcfError(
        'PROTOCOL',
        `a value of ${total} bytes is announced; the largest is ${limits.maxValueBytes}`,
      )
    if (this.#partial || this.#heldBytes + total > 2 * limits.maxValueBytes || this.#complete.size >= 1024)
      throw new IcfError('PROTOCOL', 'too many values are sent ahead at once')
    this.#heldBytes += total
    this.#partial = { id, bytes: Buffer.allocUnsafeSlow(total), filled: 0 }
  }
}

/** Cuts one value into messages, from `offset` on. */
export function chunkAt(id: number, bytes: Uint8Array, offset: number): Message {
  const piece = bytes.subarray(offset, offset + limits.chunkBytes)
  return [MessageType.VALUE_CHUNK, id, bytes.length, offset, piece]
}
