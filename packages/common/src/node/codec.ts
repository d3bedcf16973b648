import msgpackr from 'msgpackr/index-no-eval'
import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import type { Message } from '../wire/messages.js'
import { exceeded } from './elements.js'

const { addExtension, Packr, Unpackr } = msgpackr

const STAGED_EXTENSION = 0x69

/** A staged value stands in a message itself, or in an array in it, such as the result of a GET. */
const MAX_STAGED_DEPTH = 1

/**
 * Stands in a message for a value that was sent ahead in chunks. The receiving link puts the assembled bytes in its
 * place before anyone else sees the message.
 */
export class Staged {
  constructor(readonly id: number) {}
}

/** Set while decoding: most frames hold no Staged, and then nobody needs to look for one. */
let sawStaged = false

addExtension({
  Class: Staged,
  type: STAGED_EXTENSION,
  pack(staged: Staged) {
    const id = Buffer.allocUnsafe(4)
    id.writeUInt32LE(staged.id)
    return id
  },
  unpack(id: Uint8Array) {
    if (id.length !== 4) throw new RangeError('a staged value is named by 4 bytes')
    sawStaged = true
    return new Staged(new DataView(id.buffer, id.byteOffset, 4).getUint32(0, true))
  },
})

/** A text that is longer goes ahead as its bytes. To decode one that fills a frame would take some 30 ms. */
const BOUNDS = { elements: limits.maxFrameElements, textBytes: limits.chunkBytes } as const

const SHORT_FRAME_BYTES = 4096
const LARGE_BUFFER_BYTES = 65_536

const options = { useRecords: false, moreTypes: false, int64AsType: 'number' } as const
const packr = new Packr(options)
const unpackr = new Unpackr(options)

/** Frames share a buffer, which grows with the largest of them: a short one that waits must not keep all of that. */
export function encodeFrame(message: Message): Buffer {
  const frame = packr.pack(message)
  return frame.length < SHORT_FRAME_BYTES && frame.buffer.byteLength > LARGE_BUFFER_BYTES
    ? Buffer.from(frame)
    : frame
}

/**
 * Binary values in the result alias `frame`: copy before keeping one.
 * @throws IcfError PROTOCOL when the frame is not one msgpack array that starts with a number, has too many
 * elements, or a text that is too long for it
 */
export function decodeFrame(frame: Uint8Array, resolve: (id: number) => Uint8Array | undefined): Message {
  const bound = exceeded(frame, BOUNDS)
  if (bound === 'elements')
    throw new IcfError('PROTOCOL', `a frame has more than ${BOUNDS.elements} elements`)
  if (bound === 'textBytes')
    throw new IcfError('PROTOCOL', `a text in a frame is longer than ${BOUNDS.textBytes} bytes`)
  sawStaged = false
  let message: unknown
  try {
    message = unpackr.unpack(frame)
  } catch (cause) {
    throw new IcfError('PROTOCOL', 'a frame is not valid msgpack', { cause })
  }
  if (!Array.isArray(message) || typeof message[0] !== 'number')
    throw new IcfError(
      'PROTOCOL',
      'a frame must be a msgpack array that starts with the number of its message',
    )
  if (sawStaged) replaceStaged(message, resolve, MAX_STAGED_DEPTH)
  return message
}

function replaceStaged(
  message: unknown[],
  resolve: (id: number) => Uint8Array | undefined,
  depth: number,
): void {
  for (let i = 0; i < message.length; i++) {
    const element = message[i]
    if (Array.isArray(element) && depth > 0) replaceStaged(element as unknown[], resolve, depth - 1)
    if (!(element instanceof Staged)) continue
    const bytes = resolve(element.id)
    if (!bytes)
      throw new IcfError('PROTOCOL', `a message refers to value ${element.id}, which was not sent ahead`)
    message[i] = bytes
  }
}
