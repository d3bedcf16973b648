// Binary frames of the data path as no icf process sends them.
import {
  beginBatch,
  beginCommands,
  CommandCode,
  FrameWriter,
  fromVersion1,
  IcfError,
  MessageType,
  nameAhead,
  ReplicaOp,
  ResultsWriter,
  writeCommand,
  writeEntry,
  writeSet,
} from '@icf/common'
import fc from 'fast-check'
import { damage, damaged } from './frames.js'

/** The first byte of a frame that names a value which was sent ahead has this bit; the value's id follows. */
const AHEAD = 0x40

/** An id under which the tests have a value, and one under which nobody has. */
const aheadId = fc.constantFrom(7, 8)

const firstByte = fc
  .tuple(
    fc.constantFrom(
      MessageType.COMMANDS,
      MessageType.RESULTS,
      MessageType.KEY_VALUE_RESPONCE_BACK,
      MessageType.BACK_ACK,
    ),
    fc.constantFrom(0, 0, 0, AHEAD),
  )
  .map(([type, flag]) => type | flag)

/** Each kind of message whose value was sent ahead. */
const withValueAhead = fc
  .record({
    what: fc.constantFrom('command', 'result', 'operation'),
    key: fc.string({ maxLength: 20, minLength: 1 }),
    numbers: fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 20 })),
    slot: fc.nat({ max: 15 }),
    kind: fc.nat({ max: 3 }),
    id: aheadId,
  })
  .map(({ what, key, numbers: [first, second], slot, kind, id }) => {
    const writer = new FrameWriter()
    const by = { epoch: first, version: second }
    if (what === 'command') {
      beginCommands(writer, { ...by, firstId: first, nextNumber: second, settledBelow: 0 }, true)
      writeCommand(writer, CommandCode.GET, key)
      writeSet(writer, key, undefined, kind, second, false)
    } else if (what === 'result') {
      const results = new ResultsWriter(writer)
      results.begin(true)
      results.valueAhead(first, kind)
      results.endRun()
    } else {
      beginBatch(writer, { ...by, number: second }, true)
      writeEntry(writer, ReplicaOp.PUT, { slot, seq: first, key, value: '', kind }, second, true)
      writer.count(first)
    }
    const frame = writer.finish()
    nameAhead(frame, id)
    return frame
  })

/** Nothing but the first byte makes sense. */
const noise = fc
  .tuple(firstByte, fc.uint8Array({ maxLength: 60 }))
  .map(([first, rest]) => Buffer.from([first, ...rest]))

/** Whole frames, most often with bytes changed, cut off or put in, or with those of another behind. */
export function dataFrameOf(message: fc.Arbitrary<unknown[]>): fc.Arbitrary<Buffer> {
  const valid = message.map(encode)
  const naming = fc.tuple(valid, aheadId).map(([frame, id]) => withName(frame, id))
  const whole = fc.oneof(
    { weight: 6, arbitrary: valid },
    { weight: 1, arbitrary: naming },
    { weight: 1, arbitrary: withValueAhead },
  )
  const joined = fc.tuple(whole, whole).map((both) => Buffer.concat(both))
  const harm = fc.array(damage, { minLength: 1, maxLength: 3 })
  const harmed = fc.tuple(whole, harm).map(([frame, steps]) => steps.reduce(damaged, Buffer.from(frame)))
  return fc.oneof(
    { weight: 2, arbitrary: whole },
    { weight: 8, arbitrary: harmed },
    { weight: 1, arbitrary: joined },
    { weight: 1, arbitrary: noise },
  )
}

/** What can not be said in a frame is one without fields. */
function encode(message: unknown[]): Buffer {
  try {
    return fromVersion1(message).bytes
  } catch (error) {
    if (!(error instanceof IcfError)) throw error
    return Buffer.from([message[0] as number])
  }
}

/** The same frame, which names a value and has no place for it. */
function withName(frame: Buffer, id: number): Buffer {
  const named = Buffer.alloc(frame.length + 4)
  named[0] = frame[0]! | AHEAD
  named.writeUInt32LE(id, 1)
  frame.copy(named, 5, 1)
  return named
}
