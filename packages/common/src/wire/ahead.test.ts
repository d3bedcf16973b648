import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { beginCommands, CommandCode, readCommand, readCommandsHeader, ValueKind, WireCommand, writeCommand, writeSet } from './commands.js' // prettier-ignore
import { readDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import { FrameWriter } from './data/frame-writer.js'
import { beginBatch, Operation, readBatchHeader, readOperation, ReplicaOp, writeEntry, writeRemoval } from './replication.js' // prettier-ignore
import { readValueResult, ResultsWriter, ResultTag, skipResult } from './results.js'

const SKIPPED = 'result that nobody waits for'
const VALUE = Buffer.from('sent ahead')
const entry = { slot: 5, seq: 1, key: 'key', value: '', kind: ValueKind.TEXT }
const header = { epoch: 1, version: 1, firstId: 0, nextNumber: 0, settledBelow: 0 }

interface Kind {
  readonly what: string
  /** Begins a frame. */
  begin(writer: FrameWriter, namesValue: boolean): void
  /** Something whose value was sent ahead. */
  write(writer: FrameWriter): void
  /** Something that has its own. */
  writeOther(writer: FrameWriter): void
  /** Passes over the beginning. */
  start(frame: FrameReader): void
  /** The value that comes next. */
  read(frame: FrameReader): unknown
}

const command = new WireCommand()
const operation = new Operation()
const commandKind: Kind = {
  what: 'SET',
  begin: (writer, namesValue) => beginCommands(writer, header, namesValue),
  write: (writer) => writeSet(writer, 'key', undefined, ValueKind.TEXT, 0, false),
  writeOther: (writer) => writeCommand(writer, CommandCode.GET, 'key'),
  start: (frame) => void readCommandsHeader(frame),
  read: (frame) => {
    readCommand(frame, command)
    return command.ahead
  },
}
const entryKind = (what: string, op: typeof ReplicaOp.PUT | typeof ReplicaOp.FILL): Kind => ({
  what,
  begin: (writer, namesValue) => beginBatch(writer, { epoch: 1, version: 1, number: 1 }, namesValue),
  write: (writer) => {
    writeEntry(writer, op, entry, 0, true)
    if (op === ReplicaOp.PUT) writer.count(0)
  },
  writeOther: (writer) => writeRemoval(writer, 5, 2, 'key', 0),
  start: (frame) => void readBatchHeader(frame),
  read: (frame) => {
    readOperation(frame, operation)
    return operation.ahead
  },
})
const resultKind = (what: string, take: (frame: FrameReader, tag: number) => unknown): Kind => ({
  what,
  begin: (writer, namesValue) => new ResultsWriter(writer).begin(namesValue),
  write: (writer) => writer.byte(ResultTag.VALUE_AHEAD + ValueKind.TEXT),
  writeOther: (writer) => writer.byte(ResultTag.TRUE),
  start: () => undefined,
  read: (frame) => {
    const tag = frame.byte()
    return tag === ResultTag.TRUE ? undefined : take(frame, tag)
  },
})

const kinds = [
  commandKind,
  entryKind('PUT', ReplicaOp.PUT),
  entryKind('FILL', ReplicaOp.FILL),
  resultKind('result', readValueResult),
  resultKind(SKIPPED, skipResult),
]

describe('the value that was sent ahead of a frame', () => {
  for (const { what, begin, write, writeOther, start, read } of kinds) {
    const frameOf = (namesValue: boolean, ...parts: ((writer: FrameWriter) => void)[]): FrameReader => {
      const writer = new FrameWriter()
      begin(writer, namesValue)
      for (const part of parts) part(writer)
      const frame = readDataFrame(writer.finish(), () => VALUE)
      start(frame)
      return frame
    }
    const refused = { code: 'PROTOCOL', message: /one that was sent ahead, for this alone/ }

    it(`is that of one ${what}, and of nothing after it`, () => {
      const frame = frameOf(true, writeOther, write, writeOther)
      const isSkipped = what === SKIPPED
      assert.deepEqual(
        [read(frame), read(frame), read(frame)],
        [undefined, isSkipped ? undefined : VALUE, undefined],
      )
      assert.ok(frame.isAtEnd)
    })

    it(`is refused to another ${what}`, () => {
      const frame = frameOf(true, write, writeOther, write)
      read(frame)
      read(frame)
      assert.throws(() => read(frame), refused)
    })

    it(`is refused to a ${what} where none was`, () => {
      const frame = frameOf(false, write)
      assert.throws(() => read(frame), refused)
    })
  }
})
