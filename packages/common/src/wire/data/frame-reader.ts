import { IcfError } from '../../errors.js'
import { malformed } from '../checks.js'

/** Up to here bits can be shifted; above it they are multiplied. */
const MAX_SHIFT = 21
const FIRST_SCALE = 2 ** (MAX_SHIFT + 7)

/**
 * Reads a frame of the data path from its front to its end. What is read may refer to the frame's memory, which the next frames
 * share: what is kept must be copied.
 */
export class FrameReader {
  #at: number
  /** Where it stands that the value is what was sent ahead. */
  #aheadAt: number | undefined

  /**
   * @param type the number of its message
   * @param bytes the whole frame
   * @param at where to begin
   * @param ahead the value that was sent ahead of the frame, when it names one
   */
  constructor(
    readonly type: number,
    readonly bytes: Buffer,
    at: number,
    readonly ahead: Uint8Array | undefined,
  ) {
    this.#at = at
  }

  /**
   * The value that was sent ahead: one thing in the frame may be it, which may be read again.
   * @param what it is, for the error
   */
  takeAhead(what: string): Uint8Array {
    this.#aheadAt ??= this.#at
    if (!this.ahead || this.#aheadAt !== this.#at)
      throw malformed(what, 'one that was sent ahead, for this alone', undefined)
    return this.ahead
  }

  get at(): number {
    return this.#at
  }

  /** Goes on from there. */
  set at(at: number) {
    this.#at = at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length
  }

  /** @throws IcfError PROTOCOL at the end, as all of these */
  byte(): number {
    if (this.#at >= this.bytes.length) throw this.#tooShort()
    return this.bytes[this.#at++]!
  }

  /** A safe integer from 0 on. */
  count(): number {
    const { bytes } = this
    const first = bytes[this.#at]
    if (first !== undefined && first < 0x80) {
      this.#at++
      return first
    }
    return this.#longCount()
  }

  /** The same, up to a bound. @param what it is, for the error */
  countTo(most: number, what: string): number {
    const value = this.count()
    if (value > most) throw malformed(what, `a whole number from 0 to ${most}`, value)
    return value
  }

  fixed32(): number {
    const at = this.skip(4)
    return this.bytes.readUInt32LE(at)
  }

  fixed48(): number {
    const at = this.skip(6)
    return this.bytes.readUIntLE(at, 6)
  }

  /** UTF-8 of so many bytes. */
  text(length: number): string {
    const at = this.skip(length)
    return this.bytes.toString('utf8', at, at + length)
  }

  /** So many bytes which were read already, as a text of one character each. */
  binaryAt(at: number, length: number): string {
    return this.bytes.toString('latin1', at, at + length)
  }

  /** So many bytes, which are the frame's. */
  view(length: number): Buffer {
    const at = this.skip(length)
    return this.bytes.subarray(at, at + length)
  }

  /** Passes over so many bytes. @returns where they stand */
  skip(length: number): number {
    const at = this.#at
    if (length > this.bytes.length - at) throw this.#tooShort()
    this.#at = at + length
    return at
  }

  #longCount(): number {
    const { bytes } = this
    let value = 0
    for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    for (let scale = FIRST_SCALE; ; scale *= 128) {
      const byte = bytes[this.#at++]
      if (byte === undefined) throw this.#tooShort()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) return value
      if (scale > Number.MAX_SAFE_INTEGER) break
    }
    throw new IcfError('PROTOCOL', `message ${this.type} has a number above ${Number.MAX_SAFE_INTEGER}`)
  }

  #tooShort(): IcfError {
    return new IcfError('PROTOCOL', `message ${this.type} ends too early: it has ${this.bytes.length} bytes`)
  }
}
