import { types } from 'node:util'
import { IcfError, limits, ValueKind } from '@icf/common'
import msgpackr from 'msgpackr/index-no-eval'
import { isWellFormed } from './key.js'
import { jsonLike } from './json-like.js'

/** What `get` returns: bytes are a Buffer of the caller's own. */
export type Value =
  string | number | boolean | null | Uint8Array | Value[] | { readonly [name: string]: Value }

/** Text longer than this, in UTF-16 units, travels as its UTF-8 bytes. */
const LONG_TEXT = 1024

const { Packr, Unpackr } = msgpackr
const options = { useRecords: false, variableMapSize: true, moreTypes: false, useToJSON: false } as const
const packr = new Packr(options)
const unpackr = new Unpackr({ ...options, copyBuffers: true, int64AsType: 'number' } as object)

/** What the wire needs of a value; filled in place, so that encoding one allocates nothing else. */
export interface Encoded {
  wire: unknown
  kind: number
  bytes: number
}

/**
 * Encodes a value as it is now: what the caller does to it later changes nothing. `target.bytes` grows by its size.
 * @throws IcfError INVALID_VALUE, VALUE_TOO_LARGE
 */
export function encodeValue(target: Encoded, value: unknown): void {
  if (typeof value === 'string') return encodeText(target, value)
  if (types.isUint8Array(value)) {
    checkSize(value.length)
    return put(target, ValueKind.BYTES, Buffer.from(value))
  }
  put(target, ValueKind.ENCODED, pack(jsonLike(value)))
}

function encodeText(target: Encoded, text: string): void {
  if (!isWellFormed(text))
    throw new IcfError(
      'INVALID_VALUE',
      'a value must not be text with half a surrogate pair, which no UTF-8 can carry',
    )
  if (text.length <= LONG_TEXT) {
    target.wire = text
    target.kind = ValueKind.TEXT
    target.bytes += text.length
    return
  }
  if (text.length * 3 > limits.maxValueBytes) checkSize(Buffer.byteLength(text))
  put(target, ValueKind.TEXT, Buffer.from(text, 'utf8'))
}

function pack(value: unknown): Buffer {
  let packed: Buffer
  try {
    packed = packr.pack(value)
  } catch (cause) {
    throw new IcfError('INVALID_VALUE', `a value can not be encoded: ${(cause as Error).message}`, { cause })
  }
  checkSize(packed.length)
  return packed
}

function put(target: Encoded, kind: number, bytes: Buffer): void {
  target.wire = bytes
  target.kind = kind
  target.bytes += bytes.length
}

function checkSize(bytes: number): void {
  if (bytes > limits.maxValueBytes)
    throw new IcfError(
      'VALUE_TOO_LARGE',
      `a value has ${bytes} bytes; the largest may have ${limits.maxValueBytes}`,
    )
}

/**
 * Reads a value that GET answered with. Nothing in the result aliases the frame.
 * @throws IcfError PROTOCOL
 */
export function decodeValue(kind: number, bytes: Uint8Array): unknown {
  if (kind === ValueKind.TEXT) return asBuffer(bytes).toString('utf8')
  return kind === ValueKind.BYTES ? own(bytes) : unpack(bytes)
}

/** A value that came in chunks has memory of its own already; one inside a frame would keep, and share, the frame. */
function own(bytes: Uint8Array): Buffer {
  return bytes.buffer.byteLength === bytes.length ? asBuffer(bytes) : Buffer.from(bytes)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes)
  } catch (cause) {
    throw new IcfError('PROTOCOL', 'a stored value is not what an icf client encodes', { cause })
  }
}
