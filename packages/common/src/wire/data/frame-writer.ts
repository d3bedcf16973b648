/** A frame begins with at least so much room; below 4 KiB Node cuts it from a common piece. */
const MIN_CAPACITY = 512
/** The largest that a frame begins with; it grows beyond as it must. */
const MAX_FIRST_CAPACITY = 65_536

/** Up to so many characters a loop is faster than a call out of JavaScript. */
const SHORT_TEXT = 24

/** The same of bytes, which are copied by a call together. */
const SHORT_BYTES = 128

/** What is below is shifted, what is above is divided: bitwise operators know 32 bits. */
const MAX_SHIFTED = 0x7fff_ffff

/** From so many bytes on those that last are put in when the frame is ended: till then it would grow, and be copied, with each. */
const LONG_BYTES = 16_384

const NOTHING = Buffer.alloc(0)

/** Writes one frame after the other, each into memory of its own, which grows: a frame may be kept, and sent again. */
export class FrameWriter {
  #buffer = NOTHING
  #at = 0
  #firstCapacity = MIN_CAPACITY
  /** Bytes that are not put in yet, and where they belong. */
  #long: { readonly at: number; readonly bytes: Uint8Array }[] = []
  #longBytes = 0

  /** Bytes written so far. 0: no frame is begun. */
  get length(): number {
    return this.#at + this.#longBytes
  }

  /** Ends the frame. It is the caller's from here on. */
  finish(): Buffer {
    const frame = this.#longBytes > 0 ? this.#joined() : this.#buffer.subarray(0, this.#at)
    const wanted = 1 << (32 - Math.clz32(this.#at))
    this.#firstCapacity = Math.min(Math.max(wanted, MIN_CAPACITY), MAX_FIRST_CAPACITY)
    this.#buffer = NOTHING
    this.#at = 0
    return frame
  }

  /** @param value from 0 to 255 */
  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#at++] = value
  }

  /** Seven bits a byte, the lowest first; all but the last byte have the eighth bit. @param value a safe integer from 0 on */
  count(value: number): void {
    this.#reserve(8)
    const buffer = this.#buffer
    let rest = value
    while (rest > 0x7f) {
      buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest = rest > MAX_SHIFTED ? Math.floor(rest / 128) : rest >>> 7
    }
    buffer[this.#at++] = rest
  }

  /** Four bytes, the lowest first. @returns where they stand, for `patchFixed32` */
  fixed32(value: number): number {
    this.#reserve(4)
    const at = this.#at
    this.#buffer.writeUInt32LE(value, at)
    this.#at += 4
    return at
  }

  patchFixed32(at: number, value: number): void {
    this.#buffer.writeUInt32LE(value, at)
  }

  /** Six bytes, the lowest first. @returns where they stand */
  fixed48(value: number): number {
    this.#reserve(6)
    const at = this.#at
    this.#buffer.writeUIntLE(value, at, 6)
    this.#at += 6
    return at
  }

  /** How many bytes of UTF-8, and these. @param text well-formed */
  text(text: string): void {
    const { length } = text
    if (length <= SHORT_TEXT) return this.#shortText(text)
    this.#sized(text, Buffer.byteLength(text))
  }

  /** How many bytes, and these. @param bytes as a text of one character each */
  binary(bytes: string): void {
    const { length } = bytes
    if (length <= SHORT_TEXT) return this.#shortBinary(bytes)
    this.count(length)
    this.#reserve(length)
    this.#at += this.#buffer.write(bytes, this.#at, length, 'latin1')
  }

  /** How many bytes, and these. */
  bytes(bytes: Uint8Array): void {
    this.count(bytes.length)
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The same, of so many bytes in `memory`. */
  bytesIn(memory: Uint8Array, from: number, length: number): void {
    this.count(length)
    this.#reserve(length)
    const buffer = this.#buffer
    const at = this.#at
    this.#at += length
    if (length > SHORT_BYTES) buffer.set(memory.subarray(from, from + length), at)
    else for (let i = 0; i < length; i++) buffer[at + i] = memory[from + i]!
  }

  /** The same, of bytes that do not change until the frame is ended. */
  lastingBytes(bytes: Uint8Array): void {
    if (bytes.length < LONG_BYTES) return this.bytes(bytes)
    this.count(bytes.length)
    this.#long.push({ at: this.#at, bytes })
    this.#longBytes += bytes.length
  }

  #joined(): Buffer {
    const frame = Buffer.allocUnsafe(this.length)
    let [from, to] = [0, 0]
    for (const { at, bytes } of this.#long) {
      frame.set(this.#buffer.subarray(from, at), to)
      to += at - from
      from = at
      frame.set(bytes, to)
      to += bytes.length
    }
    frame.set(this.#buffer.subarray(from, this.#at), to)
    this.#long = []
    this.#longBytes = 0
    return frame
  }

  #shortBinary(bytes: string): void {
    const { length } = bytes
    this.#reserve(1 + length)
    const buffer = this.#buffer
    let at = this.#at
    buffer[at++] = length
    for (let i = 0; i < length; i++) buffer[at++] = bytes.charCodeAt(i)
    this.#at = at
  }

  #shortText(text: string): void {
    const { length } = text
    this.#reserve(1 + length)
    const buffer = this.#buffer
    const start = this.#at + 1
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return this.#sized(text, Buffer.byteLength(text))
      buffer[start + i] = unit
    }
    buffer[start - 1] = length
    this.#at = start + length
  }

  #sized(text: string, size: number): void {
    this.count(size)
    this.#reserve(size)
    const isAscii = size === text.length
    this.#at += this.#buffer.write(text, this.#at, size, isAscii ? 'latin1' : 'utf8')
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed > this.#buffer.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length, this.#firstCapacity))
    if (this.#at > 0) larger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = larger
  }
}
