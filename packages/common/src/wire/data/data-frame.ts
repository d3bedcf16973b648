import { IcfError } from '../../errors.js'
import { MessageType } from '../messages.js'
import { FrameReader } from './frame-reader.js'
import type { FrameWriter } from './frame-writer.js'

/**
 * Messages of the data path are no msgpack: a frame of one begins with its number, which is below 64, with this bit when a
 * value was sent ahead of it, whose id follows then. A frame of msgpack begins with an array, which is above 0x7f.
 */
const AHEAD = 0x40
const FIRST_OF_MSGPACK = 0x80

const types: ReadonlySet<number> = new Set([
  MessageType.COMMANDS,
  MessageType.RESULTS,
  MessageType.KEY_VALUE_RESPONCE_BACK,
  MessageType.BACK_ACK,
])

/** Whether a frame, or a message, is of the data path. */
export function isDataType(type: unknown): boolean {
  return types.has(type as number)
}

/** Whether a frame is one of the data path, by its first byte. */
export function isDataFrame(frame: Uint8Array): boolean {
  return frame.length > 0 && frame[0]! < FIRST_OF_MSGPACK
}

/** Where the id of a value that was sent ahead stands. */
const AHEAD_AT = 1

/** Begins a frame. @param namesValue which is sent ahead: its id is put in later, by `nameAhead` */
export function beginDataFrame(writer: FrameWriter, type: number, namesValue: boolean): void {
  writer.byte(namesValue ? type | AHEAD : type)
  if (namesValue) writer.fixed32(0)
}

/** Of a frame that names a value which is sent ahead: its id on this link. */
export function nameAhead(frame: Buffer, id: number): void {
  frame.writeUInt32LE(id, AHEAD_AT)
}

/**
 * @param take gives the value that was sent ahead under this id
 * @throws IcfError PROTOCOL
 */
export function readDataFrame(frame: Buffer, take: (id: number) => Uint8Array | undefined): FrameReader {
  const first = frame[0]!
  const type = first & ~AHEAD
  if (!isDataType(type))
    throw new IcfError(
      'PROTOCOL',
      `a frame must be msgpack, or begin with the number of a message, got ${first}`,
    )
  if (type === first) return new FrameReader(type, frame, 1, undefined)
  const reader = new FrameReader(type, frame, AHEAD_AT, undefined)
  const id = reader.fixed32()
  const ahead = take(id)
  if (!ahead) throw new IcfError('PROTOCOL', `a message refers to value ${id}, which was not sent ahead`)
  return new FrameReader(type, frame, reader.at, ahead)
}
