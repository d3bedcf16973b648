import { IcfError } from '../errors.js'
import { keyOf, textOf, type Key } from '../key.js'
import { limits } from '../limits.js'
import { count, malformed, text } from './checks.js'
import {
  beginCommands,
  CommandCode,
  readCommand,
  readCommandsHeader,
  REPEAT,
  ValueKind,
  WireCommand,
  writeCommand,
  writeRepeat,
  writeSet,
} from './commands.js'
import { readDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import { FrameWriter } from './data/frame-writer.js'
import { MessageType, type Message } from './messages.js'
import {
  beginBatch,
  Operation,
  readBackAck,
  readBatchHeader,
  readComparedKeys,
  readOperation,
  ReplicaOp,
  writeBackAck,
  writeComparison,
  writeEntry,
  writeOperation,
  writeOrigin,
  writeRemoval,
} from './replication.js'
import {
  kindOfResult,
  readErrorResult,
  readValueResult,
  ResultsWriter,
  ResultTag,
  unknownResult,
} from './results.js'

/*
 * Version 1 of the protocol had its messages of the data path in msgpack, like all others: here they are translated, in both
 * directions, so that nothing but a link knows of it. It goes when there is a version 3.
 */

/** The same message as an array. @param ahead stands in it for the value that the frame names */
export function toVersion1(frame: FrameReader, ahead: unknown): Message {
  switch (frame.type) {
    case MessageType.COMMANDS:
      return commandsToArray(frame, ahead)
    case MessageType.RESULTS:
      return resultsToArray(frame, ahead)
    case MessageType.KEY_VALUE_RESPONCE_BACK:
      return batchToArray(frame, ahead)
    default: {
      const { number, epoch, version, refused } = readBackAck(frame, Infinity)
      return [MessageType.BACK_ACK, number, epoch, version, refused]
    }
  }
}

/**
 * The same message as a frame.
 * @throws IcfError PROTOCOL when it is none of the data path, or malformed
 */
export function fromVersion1(message: Message): FrameReader {
  const writer = new FrameWriter()
  const ahead = longValue(message)
  switch (message[0]) {
    case MessageType.COMMANDS:
      commandsFromArray(writer, message, ahead)
      break
    case MessageType.RESULTS:
      resultsFromArray(writer, message, ahead)
      break
    case MessageType.KEY_VALUE_RESPONCE_BACK:
      batchFromArray(writer, message, ahead)
      break
    case MessageType.BACK_ACK:
      ackFromArray(writer, message)
      break
    default:
      throw malformed('number of a message', 'one of the data path', message[0])
  }
  return readDataFrame(writer.finish(), () => ahead)
}

function isLong(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length > limits.chunkBytes
}

/** What was sent ahead of a message: it stands there, or in an array there, and is longer than what is not sent ahead. */
function longValue(message: Message): Uint8Array | undefined {
  const long = message
    .flatMap((field) => (Array.isArray(field) ? (field as unknown[]) : [field]))
    .filter(isLong)
  if (long.length > 1)
    throw new IcfError('PROTOCOL', 'a message refers to more than one value that was sent ahead')
  return long[0]
}

// --- COMMANDS: epoch, version, first id, first write number, settled below, then each command's code and arguments

const COMMANDS_AT = 6

function commandsToArray(frame: FrameReader, ahead: unknown): Message {
  const { epoch, version, firstId, nextNumber, settledBelow } = readCommandsHeader(frame)
  const message: unknown[] = [MessageType.COMMANDS, epoch, version, firstId, nextNumber, settledBelow]
  const command = new WireCommand()
  while (!frame.isAtEnd) {
    readCommand(frame, command)
    const { code, keyAt, keyBytes } = command
    if (command.isRepeat) message.push(REPEAT, command.number)
    message.push(code, textKey(frame.binaryAt(keyAt, keyBytes)))
    if (code !== CommandCode.SET) continue
    const value = command.ahead ? ahead : valueOf(frame, command.kind, command.valueAt, command.valueBytes)
    message.push(value, command.kind, command.ttlMs, command.ackPrimary ? 1 : 0)
  }
  return message
}

function commandsFromArray(writer: FrameWriter, message: Message, ahead: Uint8Array | undefined): void {
  const [, epoch, version, firstId, nextNumber, settledBelow] = message
  const header = {
    epoch: count(epoch, 'epoch of COMMANDS'),
    version: count(version, 'version of COMMANDS'),
    firstId: count(firstId, 'first id of COMMANDS'),
    nextNumber: count(nextNumber, 'first write number of COMMANDS'),
    settledBelow: count(settledBelow, 'bound of settled writes of COMMANDS'),
  }
  beginCommands(writer, header, ahead !== undefined)
  for (let at = COMMANDS_AT; at < message.length;) {
    if (message[at] === REPEAT) {
      writeRepeat(writer, count(message[at + 1], 'number of a write after REPEAT'))
      at += 2
    }
    const code = count(message[at], 'code of a command in COMMANDS', CommandCode.TTL) as CommandCode
    const key = keyOf(text(message[at + 1], 'key of a command'))
    if (code === CommandCode.SET) {
      const [value, kind, ttlMs, ackPrimary] = message.slice(at + 2, at + 6)
      const ttl = count(ttlMs, 'time to live of SET')
      writeSet(writer, key, inlineValue(value, ahead), kindOf(kind), ttl, ackPrimary === 1)
      at += 6
    } else {
      writeCommand(writer, code, key)
      at += 2
    }
  }
}

// --- RESULTS: runs of first id, count and results

function resultsToArray(frame: FrameReader, ahead: unknown): Message {
  const message: unknown[] = [MessageType.RESULTS]
  while (!frame.isAtEnd) {
    const id = frame.count()
    const size = frame.fixed32()
    message.push(id, size)
    for (let i = 0; i < size; i++) message.push(resultToV1(frame, ahead))
  }
  return message
}

function resultToV1(frame: FrameReader, ahead: unknown): unknown {
  const tag = frame.byte()
  if (tag === ResultTag.NIL) return null
  if (tag === ResultTag.FALSE) return false
  if (tag === ResultTag.TRUE) return true
  if (tag === ResultTag.NUMBER) return frame.count()
  if (tag === ResultTag.FOREVER) return -1
  if (tag === ResultTag.ERROR) {
    const { wire, text, epoch, version } = readErrorResult(frame)
    return [-1, wire, text, epoch, version]
  }
  const kind = kindOfResult(tag)
  if (kind === undefined) throw unknownResult(tag)
  if (tag >= ResultTag.VALUE_AHEAD) return [kind, ahead]
  const bytes = Buffer.from(readValueResult(frame, tag))
  if (kind === ValueKind.TEXT) return bytes.toString()
  return kind === ValueKind.BYTES ? bytes : [kind, bytes]
}

function resultsFromArray(writer: FrameWriter, message: Message, ahead: Uint8Array | undefined): void {
  const results = new ResultsWriter(writer)
  results.begin(ahead !== undefined)
  for (let at = 1; at < message.length;) {
    const id = count(message[at], 'first id of a run in RESULTS')
    const size = count(message[at + 1], 'length of a run in RESULTS', message.length - at - 2)
    if (size === 0) throw malformed('length of a run in RESULTS', 'above 0', size)
    at += 2
    for (let i = 0; i < size; i++) resultFromV1(results, id + i, message[at + i], ahead)
    at += size
  }
  results.endRun()
}

function resultFromV1(
  results: ResultsWriter,
  id: number,
  result: unknown,
  ahead: Uint8Array | undefined,
): void {
  if (result === null || typeof result === 'boolean' || result === -1) results.plain(id, result)
  else if (typeof result === 'number') results.plain(id, count(result, 'result'))
  else if (typeof result === 'string') results.value(id, ValueKind.TEXT, Buffer.from(result))
  else if (Array.isArray(result) && result[0] === -1) {
    const [, wire, reason, epoch, version] = result as unknown[]
    results.plain(id, {
      wire: count(wire, 'number of an error'),
      text: text(reason, 'text of an error'),
      epoch: count(epoch, 'epoch of an error'),
      version: count(version, 'version of an error'),
    })
  } else {
    const [kind, value] = Array.isArray(result) ? (result as unknown[]) : [ValueKind.BYTES, result]
    const inline = inlineValue(value, ahead)
    if (inline === undefined) results.valueAhead(id, kindOf(kind))
    else results.value(id, kindOf(kind), typeof inline === 'string' ? Buffer.from(inline) : inline)
  }
}

// --- batches: epoch, version, number, then operations

const OPERATIONS_AT = 4

function batchToArray(frame: FrameReader, ahead: unknown): Message {
  const { epoch, version, number } = readBatchHeader(frame)
  const message: unknown[] = [MessageType.KEY_VALUE_RESPONCE_BACK, epoch, version, number]
  const operation = new Operation()
  while (!frame.isAtEnd) {
    readOperation(frame, operation)
    message.push(operation.op, ...fieldsOf(frame, operation, ahead))
  }
  return message
}

function fieldsOf(frame: FrameReader, operation: Operation, ahead: unknown): unknown[] {
  const { slot, seq, number, keyAt, keyBytes, kind, ttlMs } = operation
  const key = (): string => textKey(frame.binaryAt(keyAt, keyBytes))
  switch (operation.op) {
    case ReplicaOp.PUT:
    case ReplicaOp.FILL: {
      const value = operation.ahead ? ahead : valueOf(frame, kind, operation.valueAt, operation.valueBytes)
      const entry = [slot, seq, key(), value, kind, ttlMs]
      return operation.op === ReplicaOp.PUT ? [...entry, number] : entry
    }
    case ReplicaOp.REMOVE:
      return [slot, seq, key(), number]
    case ReplicaOp.ORIGIN:
      return [operation.clientId, operation.settledBelow]
    case ReplicaOp.COMPARE:
      return [slot, seq, readComparedKeys(frame, operation).map(textKey)]
    case ReplicaOp.FILL_BEGIN:
    case ReplicaOp.LIST:
      return [slot, seq, number]
    case ReplicaOp.WRITTEN:
    case ReplicaOp.MEND:
      return [slot, seq]
    default:
      return [slot]
  }
}

/** Operations whose fields are numbers: how many. */
const plainOperations: ReadonlyMap<unknown, number> = new Map([
  [ReplicaOp.FILL_BEGIN, 3],
  [ReplicaOp.FILL_END, 1],
  [ReplicaOp.WRITTEN, 2],
  [ReplicaOp.PARTED, 1],
  [ReplicaOp.MEND, 2],
  [ReplicaOp.LIST, 3],
])

function batchFromArray(writer: FrameWriter, message: Message, ahead: Uint8Array | undefined): void {
  const [, epoch, version, number] = message
  const header = {
    epoch: count(epoch, 'epoch of a batch'),
    version: count(version, 'version of a batch'),
    number: count(number, 'number of a batch'),
  }
  beginBatch(writer, header, ahead !== undefined)
  for (let at = OPERATIONS_AT; at < message.length;) at = operationFromArray(writer, message, at, ahead)
}

/** @returns where the next one begins */
function operationFromArray(
  writer: FrameWriter,
  message: Message,
  at: number,
  ahead: Uint8Array | undefined,
): number {
  const op = message[at]
  const plain = plainOperations.get(op)
  if (plain !== undefined) {
    const fields = Array.from({ length: plain }, (_, i) =>
      count(message[at + 1 + i], 'field of an operation'),
    )
    writeOperation(writer, op as number, ...fields)
    return at + 1 + plain
  }
  if (op === ReplicaOp.ORIGIN) {
    const id = text(message[at + 1], 'client of ORIGIN')
    writeOrigin(writer, id, count(message[at + 2], 'bound of settled writes of ORIGIN'))
    return at + 3
  }
  const slot = count(message[at + 1], 'slot of an operation')
  const seq = count(message[at + 2], 'sequence number of an operation')
  if (op === ReplicaOp.COMPARE) {
    const keys = message[at + 3]
    if (!Array.isArray(keys)) throw malformed('keys of COMPARE', 'an array', keys)
    writeComparison(
      writer,
      slot,
      seq,
      keys.map((key) => keyOf(text(key, 'key of an operation'))),
    )
    return at + 4
  }
  const key = keyOf(text(message[at + 3], 'key of an operation'))
  if (op === ReplicaOp.REMOVE) {
    writeRemoval(writer, slot, seq, key, count(message[at + 4], 'write number of an operation'))
    return at + 5
  }
  if (op !== ReplicaOp.PUT && op !== ReplicaOp.FILL)
    throw malformed('number of an operation in a batch', `a number from 0 to ${ReplicaOp.LIST}`, op)
  const [given, kind, ttl] = message.slice(at + 4, at + 7)
  const inline = inlineValue(given, ahead)
  const value = typeof inline === 'string' ? Buffer.from(inline) : (inline ?? '')
  const ttlMs = count(ttl, 'time to live in a batch', MAX_FIXED_48)
  const entry = { slot, seq, key, value, kind: kindOf(kind) }
  writeEntry(writer, op, entry, ttlMs, inline === undefined)
  if (op === ReplicaOp.FILL) return at + 7
  writer.count(count(message[at + 7], 'write number of an operation'))
  return at + 8
}

const MAX_FIXED_48 = 2 ** 48 - 1

function ackFromArray(writer: FrameWriter, [, number, epoch, version, refused]: Message): void {
  if (!Array.isArray(refused)) throw malformed('refused slots of BACK_ACK', 'an array', refused)
  writeBackAck(
    writer,
    count(number, 'batch of BACK_ACK'),
    count(epoch, 'epoch of BACK_ACK'),
    count(version, 'version of BACK_ACK'),
    new Set(refused.map((slot) => count(slot, 'refused slot of BACK_ACK'))),
  )
}

// --- fields

/** What is no UTF-8 can not be said; nobody has the empty key: it is refused. */
function textKey(key: Key): string {
  return textOf(key) ?? ''
}

/** As a frame of version 1 has a value: text as such. */
function valueOf(frame: FrameReader, kind: number, at: number, length: number): string | Buffer {
  return kind === ValueKind.TEXT
    ? frame.bytes.toString('utf8', at, at + length)
    : Buffer.from(frame.bytes.subarray(at, at + length))
}

/** @returns undefined for the one that was sent ahead */
function inlineValue(value: unknown, ahead: Uint8Array | undefined): string | Uint8Array | undefined {
  if (typeof value === 'string') return value
  if (!(value instanceof Uint8Array)) throw malformed('value', 'text or bytes', value)
  return value === ahead ? undefined : value
}

function kindOf(kind: unknown): number {
  return count(kind, 'kind of a value', ValueKind.ENCODED)
}
