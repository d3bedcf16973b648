import type { Key } from '../key.js'
import { limits } from '../limits.js'
import { malformed } from './checks.js'
import { beginDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import type { FrameWriter } from './data/frame-writer.js'
import { MessageType } from './messages.js'

/**
 * Numbers of the commands in a COMMANDS frame. The first argument is always the key.
 * GET and SET have the numbers of the original icf (KEY_VALUE_REQUEST, KEY_VALUE_RESPONCE).
 */
export const CommandCode = {
  /** key → the value, or nil */
  GET: 0,
  /** key, value, kind, ttlMs (0 = none), ackPrimary (0 | 1) → true */
  SET: 1,
  /** key → true when it was there */
  DELETE: 2,
  /** key → boolean */
  HAS: 3,
  /** key → remaining milliseconds, -1 without a time to live, nil when missing */
  TTL: 4,
} as const

export type CommandCode = (typeof CommandCode)[keyof typeof CommandCode]

const LAST_CODE = Math.max(...Object.values(CommandCode))

/** Stands with a number before a write that was sent before, under this number. No command: it has no id and no answer. */
export const REPEAT = 127

/** Whether a command changes something: then it has a number by which a repetition is known. */
export function isWrite(code: number): boolean {
  return code === CommandCode.SET || code === CommandCode.DELETE
}

/** How a stored value is to be read. */
export const ValueKind = {
  /** bytes as the caller gave them */
  BYTES: 0,
  /** text: its UTF-8 */
  TEXT: 1,
  /** any other value, as msgpack that only the SDK reads */
  ENCODED: 2,
} as const

/** What stands before the commands of a frame. */
export interface CommandsHeader {
  /** Of the topology by which the client chose the server. */
  readonly epoch: number
  readonly version: number
  /** Of the first command; the others follow. */
  readonly firstId: number
  /** Of the first write that is no repetition; the others follow. */
  readonly nextNumber: number
  /** All of the client's writes with lower numbers have ended. */
  readonly settledBelow: number
}

/** Ids and write numbers of a frame count up from the first: the last one must be an exact number, too. */
const MAX_FIRST = Number.MAX_SAFE_INTEGER - limits.maxCommandsPerFrame

/** A frame without commands yet. @param namesValue one of them has a value that was sent ahead */
export function beginCommands(writer: FrameWriter, header: CommandsHeader, namesValue: boolean): void {
  beginDataFrame(writer, MessageType.COMMANDS, namesValue)
  writer.count(header.epoch)
  writer.count(header.version)
  writer.count(header.firstId)
  writer.count(header.nextNumber)
  writer.count(header.settledBelow)
}

/** @throws IcfError PROTOCOL */
export function readCommandsHeader(frame: FrameReader): CommandsHeader {
  return {
    epoch: frame.count(),
    version: frame.count(),
    firstId: frame.countTo(MAX_FIRST, 'first id of COMMANDS'),
    nextNumber: frame.countTo(MAX_FIRST, 'first write number of COMMANDS'),
    settledBelow: frame.count(),
  }
}

/** Stands before a write that was sent before, under this number. */
export function writeRepeat(writer: FrameWriter, number: number): void {
  writer.byte(REPEAT)
  writer.count(number)
}

/** A command that has a key and nothing else. */
export function writeCommand(writer: FrameWriter, code: CommandCode, key: Key): void {
  writer.byte(code)
  writer.binary(key)
}

/** Of a SET, in one byte with the kind. */
const ACK_PRIMARY = 4
const VALUE_AHEAD = 8
const KIND = 3
const SET_FLAGS = KIND | ACK_PRIMARY | VALUE_AHEAD

/** @param value text, which goes as its UTF-8; undefined: the value that the frame names */
export function writeSet(
  writer: FrameWriter,
  key: Key,
  value: string | Uint8Array | undefined,
  kind: number,
  ttlMs: number,
  ackPrimary: boolean,
): void {
  writer.byte(CommandCode.SET)
  writer.binary(key)
  writer.byte(kind | (ackPrimary ? ACK_PRIMARY : 0) | (value === undefined ? VALUE_AHEAD : 0))
  writer.count(ttlMs)
  if (typeof value === 'string') writer.text(value)
  else if (value) writer.bytes(value)
}

/** One command of a frame, whose key and value stand there. There is one object for all of them: it is the hot path. */
export class WireCommand {
  code: CommandCode = CommandCode.GET
  /** It was sent before, under `number`. */
  isRepeat = false
  number = 0
  /** The key, in the frame. */
  keyAt = 0
  keyBytes = 0

  // Arguments of SET.
  kind = 0
  ttlMs = 0
  ackPrimary = false
  /** The value, in the frame, unless it was sent ahead of that. */
  valueAt = 0
  valueBytes = 0
  ahead: Uint8Array | undefined = undefined
}

/**
 * Reads the command that comes next; its arguments may make no sense.
 * @throws IcfError PROTOCOL when nobody can tell where it ends
 */
export function readCommand(frame: FrameReader, command: WireCommand): void {
  let code = frame.byte()
  command.ahead = undefined
  command.isRepeat = code === REPEAT
  if (command.isRepeat) {
    command.number = frame.count()
    code = frame.byte()
  }
  if (code > LAST_CODE)
    throw malformed('code of a command in COMMANDS', `a number from 0 to ${LAST_CODE}`, code)
  command.code = code as CommandCode
  command.keyBytes = frame.count()
  command.keyAt = frame.skip(command.keyBytes)
  if (code === CommandCode.SET) readSet(frame, command)
}

function readSet(frame: FrameReader, command: WireCommand): void {
  const flags = frame.byte()
  if (flags > SET_FLAGS) throw malformed('flags of SET', `a number from 0 to ${SET_FLAGS}`, flags)
  command.kind = flags & KIND
  command.ackPrimary = (flags & ACK_PRIMARY) !== 0
  command.ttlMs = frame.count()
  const isAhead = (flags & VALUE_AHEAD) !== 0
  if (isAhead) command.ahead = frame.takeAhead('value of SET')
  command.valueBytes = command.ahead?.length ?? frame.count()
  command.valueAt = isAhead ? 0 : frame.skip(command.valueBytes)
}
