import { limits } from '../limits.js'
import { count } from './checks.js'
import { MessageType, type Message } from './messages.js'

/**
 * Numbers and argument counts of the commands in a COMMANDS frame. The first argument is always the key.
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

/** Arguments of each command, by its number. */
export const commandArity: readonly number[] = [1, 5, 1, 1, 1]

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
  /** text; on the wire a msgpack string, or its UTF-8 bytes when long */
  TEXT: 1,
  /** any other value, as msgpack that only the SDK reads */
  ENCODED: 2,
} as const

/** Where the first command of a COMMANDS frame stands; each is its number and arguments. */
export const COMMANDS_AT = 6

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

/** A frame without commands yet. */
export function openCommands({
  epoch,
  version,
  firstId,
  nextNumber,
  settledBelow,
}: CommandsHeader): unknown[] {
  return [MessageType.COMMANDS, epoch, version, firstId, nextNumber, settledBelow]
}

/** @throws IcfError PROTOCOL */
export function readCommandsHeader([
  ,
  epoch,
  version,
  firstId,
  nextNumber,
  settledBelow,
]: Message): CommandsHeader {
  return {
    epoch: count(epoch, 'epoch of COMMANDS'),
    version: count(version, 'version of COMMANDS'),
    firstId: count(firstId, 'first id of COMMANDS', MAX_FIRST),
    nextNumber: count(nextNumber, 'first write number of COMMANDS', MAX_FIRST),
    settledBelow: count(settledBelow, 'bound of settled writes of COMMANDS'),
  }
}
