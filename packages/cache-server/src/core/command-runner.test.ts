import {
  beginCommands,
  CommandCode,
  errorToWire,
  FrameWriter,
  keyOf,
  keySlot,
  limits,
  MessageType,
  readDataFrame,
  REPEAT,
  ValueKind,
  writeCommand,
  writeSet,
  type FrameReader,
} from '@icf/common'
import { dataOf, resultsOf, withMore } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { topologyWith } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { ClientSession } from './client-session.js'
import { CommandRunner } from './command-runner.js'
import { entryCost } from './entry-cost.js'
import type { Entry } from './entry.js'
import { Lease } from './lease.js'
import { ReplicaChannel } from './replica-channel.js'
import { Serving, SlotTable } from './slot-table.js'
import { Store } from './store.js'
import { WriteLedger } from './write-ledger.js'
import { Writer } from './writer.js'

const SLOTS = 2
/** Of slot 0, and of slot 1. */
const [KEY, OTHER_KEY] = ['key 0', 'key 1']
const VERSION = 5
const LEASE_MS = 1000
/** Commands of one frame or of a backlog that are run in a turn, and of one client in a row. */
const SLICE = 1000
const PORTION = 250
const NOT_OWNER = 10
/** Sent ahead of its frame. */
const LONG = Buffer.alloc(limits.chunkBytes + 1, 'long')

/** A frame of commands that no array can say. */
function framed(ahead: Uint8Array | undefined, write: (writer: FrameWriter) => void): FrameReader {
  const writer = new FrameWriter()
  const header = { epoch: 1, version: VERSION, firstId: 0, nextNumber: 1, settledBelow: 0 }
  beginCommands(writer, header, ahead !== undefined)
  write(writer)
  return readDataFrame(writer.finish(), () => ahead)
}

describe('what runs commands', () => {
  let slots: SlotTable
  let store: Store
  let lease: Lease
  let runner: CommandRunner
  let session: ClientSession
  let port: RecordingPort
  let clock: { now(): number }

  beforeEach(() => {
    clock = { now: () => 0 }
    slots = new SlotTable(SLOTS)
    slots.topology = topologyWith({ slotCount: SLOTS, version: VERSION })
    slots.news = slots.topology
    slots.serving.fill(Serving.YES)
    store = new Store(64 * 1024 * 1024, SLOTS)
    for (let slot = 0; slot < SLOTS; slot++) store.setRole(slot, 'primary')
    const ledger = new WriteLedger(slots, store, { drained: () => undefined, abandoned: () => null })
    lease = new Lease()
    lease.masterConnected(LEASE_MS)
    lease.answered(lease.beat(0))
    runner = new CommandRunner(clock, slots, store, new Writer(slots, store, ledger), ledger, lease)
    ;({ session, port } = client('client'))
  })

  const client = (id: string): { session: ClientSession; port: RecordingPort } => {
    const to = new RecordingPort()
    return { session: new ClientSession(to, id, []), port: to }
  }
  const set = (value: string, key = KEY): unknown[] => [CommandCode.SET, key, value, 1, 0, 0]
  const get = (key = KEY): unknown[] => [CommandCode.GET, key]
  const frame = (id: number, commands: unknown[], { version = VERSION, number = 0, settled = 0 } = {}) =>
    dataOf([MessageType.COMMANDS, 1, version, id, number, settled, ...commands])
  const run = (id: number, commands: unknown[], now = 0): void =>
    runner.runFrame(session, frame(id, commands), now)
  const answers = (from = session, at = port): [number, unknown][] => {
    from.flush()
    return at.sent.splice(0).flatMap(resultsOf)
  }
  /** From now on each command takes so long, in ms. */
  const slowDown = (ms: number): void => {
    const began = runner.commandsRun
    clock.now = () => (runner.commandsRun - began) * ms
  }
  const ran = (job: () => unknown): number => {
    const before = runner.commandsRun
    job()
    return runner.commandsRun - before
  }

  it('runs as much of a frame as fits into a turn, then what others sent, and the rest a portion at a time', () => {
    const many = Array.from({ length: SLICE + 3 * PORTION }, () => get()).flat()
    const first = ran(() => run(0, many))
    // Answers count a little, too.
    assert.ok(first > 0.95 * SLICE && first <= SLICE)
    // What the same client sends now waits behind it; another one's is run at once.
    assert.equal(ran(() => run(5000, set('late'))), 0) // prettier-ignore
    const other = client('other')
    runner.runFrame(other.session, frame(0, get()), 0)
    assert.deepEqual(answers(other.session, other.port), [[0, null]])
    assert.equal(ran(() => assert.equal(runner.runBacklog(0), false)), SLICE - first + 3 * PORTION + 1) // prettier-ignore
    const ids = answers().map(([id]) => id)
    assert.deepEqual(ids, [...Array.from({ length: SLICE + 3 * PORTION }, (_, id) => id), 5000])
  })

  it('runs less where commands take long, and begins nothing more in the turn then', () => {
    slowDown(0.1)
    const many = Array.from({ length: SLICE }, () => get()).flat()
    const others = [client('a'), client('b'), client('c')]
    // Four milliseconds, and at most as long as it does not look at the clock.
    const isShort = (count: number): boolean => count >= 32 && count <= 80
    const first = ran(() => run(0, many, clock.now()))
    assert.ok(isShort(first), String(first))
    for (const { session: other } of others)
      assert.equal(
        ran(() => runner.runFrame(other, frame(0, many), clock.now())),
        0,
      )
    let left = 4 * SLICE - first
    for (let turns = 0; left > 0; turns++) {
      const count = ran(() => runner.runBacklog(clock.now()))
      assert.ok(isShort(count) || count === left, String(count))
      left -= count
      assert.ok(turns < 200)
    }
    assert.deepEqual(answers().map(([id]) => id), Array.from({ length: SLICE }, (_, id) => id)) // prettier-ignore
    for (const { session: other, port: at } of others) assert.equal(answers(other, at).length, SLICE)
  })

  it('looks at the clock between commands that come one by one, too', () => {
    slots.serving[0] = Serving.PARKED
    run(0, Array.from({ length: 100 }, () => get()).flat())
    slots.serving[0] = Serving.YES
    runner.releaseSlot(0)
    slowDown(1)
    for (let done = 0; done < 100; done += 4) assert.equal(ran(() => runner.runBacklog(clock.now())), 4) // prettier-ignore
    assert.deepEqual(answers().map(([id]) => id), Array.from({ length: 100 }, (_, id) => id)) // prettier-ignore
  })

  it('runs no more of all that comes in a turn than half as much again as of one frame, and something of whatever has little', () => {
    const large = Array.from({ length: 50 }, (_, n) => client(`large ${n}`))
    const all = ran(() => {
      for (const { session: each } of large)
        runner.runFrame(each, frame(0, Array.from({ length: SLICE }, () => get()).flat()), 0)
    })
    assert.ok(all > 1.4 * SLICE && all <= 1.5 * SLICE, String(all))
    runner.endTurn()
    runner.runBacklog(0)
    for (const { session: each } of large.slice(0, 5)) runner.runFrame(each, frame(SLICE, get()), 0)
    const small = client('small')
    runner.runFrame(small.session, frame(0, get()), 0)
    assert.deepEqual(answers(small.session, small.port), [[0, null]])
    while (runner.runBacklog(0));
    for (const [n, { session: each, port: at }] of large.entries())
      assert.equal(answers(each, at).length, n < 5 ? SLICE + 1 : SLICE)
  })

  it('counts values and answers as work, whichever client they are of', () => {
    const value = 'v'.repeat(100_000)
    const writers = Array.from({ length: 40 }, (_, n) => client(`writer ${n}`))
    const stored = ran(() => {
      for (const { session: each } of writers)
        runner.runFrame(each, frame(0, Array.from({ length: 5 }, () => set(value)).flat()), 0)
    })
    const mostBytes = 1024 * 1024
    assert.ok(stored * value.length <= 2 * mostBytes, `${stored} values`)
    while (runner.runBacklog(0));
    const read = ran(() => {
      for (const { session: each } of writers)
        runner.runFrame(each, frame(5, Array.from({ length: 5 }, () => get()).flat()), 0)
    })
    assert.ok(read * value.length <= 2 * mostBytes, `${read} answers`)
    while (runner.runBacklog(0));
    for (const { session: each, port: at } of writers) assert.equal(answers(each, at).length, 10)
  })

  it('shares a turn out among all whose commands had to wait', () => {
    const others = Array.from({ length: 6 }, (_, n) => client(`client ${n}`))
    slots.park(0)
    for (const { session: each } of others) {
      runner.runFrame(each, frame(0, Array.from({ length: 2 * PORTION }, () => get()).flat()), 0)
      runner.runBacklog(0)
    }
    slots.unpark(0)
    runner.releaseSlot(0)
    // Answers count a little, too.
    const isPortion = (count: number): boolean => count > 0.95 * PORTION && count <= PORTION
    const served = (): boolean[] =>
      others.map(({ session: each, port: at }) => isPortion(answers(each, at).length))
    assert.equal(runner.runBacklog(0), true)
    assert.deepEqual(served(), [true, true, true, true, false, false])
    assert.equal(runner.runBacklog(0), true)
    assert.deepEqual(served(), [true, true, false, false, true, true])
    assert.equal(runner.runBacklog(0), true)
    assert.deepEqual(served(), [false, false, true, true, true, true])
    assert.equal(runner.runBacklog(0), false)
  })

  it('lets the commands of a parked slot wait, alone, and runs them before what came later', () => {
    slots.park(0)
    run(0, [...set('first'), ...set('other', OTHER_KEY), ...set('second'), ...get()])
    assert.deepEqual(answers(), [[1, true]])
    run(4, Array.from({ length: SLICE + 1 }, () => get(OTHER_KEY)).flat())
    const first = answers().length
    assert.ok(first > 0.95 * SLICE && first <= SLICE)
    slots.unpark(0)
    runner.releaseSlot(0)
    run(SLICE + 5, get())
    assert.deepEqual(answers(), [])
    runner.runBacklog(0)
    assert.deepEqual(answers(), [
      [0, true],
      [2, true],
      [3, 'second'],
      ...Array.from({ length: SLICE + 1 - first }, (_, i) => [4 + first + i, 'other']),
      [SLICE + 5, 'second'],
    ])
  })

  it('lets all wait once the lease is over, to the millisecond, until it is renewed', () => {
    run(0, get(), LEASE_MS - 1)
    run(1, get(), LEASE_MS)
    assert.deepEqual(answers(), [[0, null]])
    runner.leaseRenewed(LEASE_MS)
    assert.equal(runner.runBacklog(LEASE_MS), false)
    lease.answered(lease.beat(LEASE_MS))
    runner.leaseRenewed(LEASE_MS)
    runner.runBacklog(LEASE_MS)
    assert.deepEqual(answers(), [[1, null]])
  })

  it('sends away who asks for a slot that others serve, or asked before it was served here, and lets who knows more wait', () => {
    slots.serving[1] = Serving.NO
    slots.primarySince[0] = VERSION
    run(0, get(OTHER_KEY))
    runner.runFrame(session, frame(1, set('stale'), { version: VERSION - 1 }), 0)
    runner.runFrame(session, frame(2, get(OTHER_KEY), { version: VERSION + 1 }), 0)
    assert.deepEqual(
      answers().map(([id, result]) => [id, (result as unknown[])[1]]),
      [
        [0, NOT_OWNER],
        [1, NOT_OWNER],
      ],
    )
    assert.equal(store.peek(0, KEY), undefined)
    slots.serving[1] = Serving.YES
    runner.topologyChanged()
    runner.runBacklog(0)
    assert.deepEqual(answers(), [[2, null]])
  })

  it('numbers the writes of a frame one by one, and carries none out again that is repeated', () => {
    const commands = [...set('first'), ...get(), ...set('other', OTHER_KEY), ...set('third')]
    runner.runFrame(session, frame(0, commands, { number: 7 }), 0)
    const repeated = [7, 8, 9].map((number) => [
      REPEAT,
      number,
      ...set('again', number === 8 ? OTHER_KEY : KEY),
    ])
    runner.runFrame(session, frame(4, [...repeated.flat(), REPEAT, 10, ...set('tenth')]), 0)
    assert.deepEqual(answers().slice(4), [[4, true], [5, true], [6, true], [7, true]]) // prettier-ignore
    assert.deepEqual(
      [store.peek(keySlot(KEY, SLOTS), KEY)?.value, store.peek(keySlot(OTHER_KEY, SLOTS), OTHER_KEY)?.value],
      ['tenth', 'other'],
    )
  })

  it('runs what comes before something that is no command, and nothing after it', () => {
    const broken = withMore(
      frame(0, set('before')),
      99,
      ...dataOf([MessageType.COMMANDS, 0, 0, 0, 0, 0, ...set('after')]).bytes.subarray(6),
    )
    assert.throws(() => runner.runFrame(session, broken, 0), { code: 'PROTOCOL' })
    assert.deepEqual([store.peek(keySlot(KEY, SLOTS), KEY)?.value, answers()], ['before', [[0, true]]])
    // In a backlog, its link is to hear of it.
    slots.park(0)
    const many = Array.from({ length: SLICE }, () => get()).flat()
    runner.runFrame(session, withMore(frame(1, [...many, ...get(OTHER_KEY)]), 99), 0)
    assert.equal(session.refusal, undefined)
    runner.runBacklog(0)
    assert.throws(() => runner.resume(session), { code: 'PROTOCOL' })
  })

  const stored = (bytes: Uint8Array): Entry | undefined => {
    const key = keyOf(bytes)
    return store.peek(keySlot(key, SLOTS), key)
  }

  describe('takes keys of any bytes', () => {
    /** Each command for the key; what SET stores is `v`. */
    const all = (key: Uint8Array): FrameReader =>
      framed(undefined, (writer) => {
        for (const code of [CommandCode.SET, CommandCode.GET, CommandCode.HAS, CommandCode.DELETE])
          if (code === CommandCode.SET) writeSet(writer, keyOf(key), 'v', ValueKind.TEXT, 0, false)
          else writeCommand(writer, code, keyOf(key))
      })
    const codesOf = (results: [number, unknown][]): unknown[] =>
      results.map(([, result]) => (Array.isArray(result) ? (result as unknown[])[1] : result))
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const kinds: readonly [string, Buffer][] = [
      ['that UTF-8 never has', Buffer.from([0xff])],
      ['as many as a key may have', Buffer.alloc(limits.maxKeyBytes, 0xff)],
      ['of a character that is cut off', Buffer.from('k😀').subarray(0, 4)],
      ['of half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
      ['of all values', Buffer.from(every)],
      ['of the replacement character', Buffer.from('a\ufffdb')],
      ['of a text', Buffer.from('漢😀')],
    ]
    for (const [what, bytes] of kinds)
      it(what, () => {
        // What they would be, read as text.
        const other = keyOf(bytes.toString())
        const isOther = other !== keyOf(bytes) && other.length <= limits.maxKeyBytes
        if (isOther) run(0, set('of the other', bytes.toString()))
        answers()
        runner.runFrame(session, all(bytes), 0)
        assert.deepEqual(answers(), [[0, true], [1, 'v'], [2, true], [3, true]]) // prettier-ignore
        assert.equal(store.counts().primaryKeys, isOther ? 1 : 0)
        if (isOther) assert.equal(store.peek(keySlot(other, SLOTS), other)?.value, 'of the other')
      })

    it('but not an empty one, nor one that is too long', () => {
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(limits.maxKeyBytes + 1, 0xff)]) {
        runner.runFrame(session, all(bytes), 0)
        assert.deepEqual(codesOf(answers()), new Array(4).fill(errorToWire('INVALID_KEY')))
      }
    })

    describe('unless a copy is on a server of an earlier release:', () => {
      const binary = Buffer.from([0xff])
      const text = Buffer.from('漢')
      let channel: ReplicaChannel

      beforeEach(() => {
        channel = new ReplicaChannel('peer', 1, [])
      })

      for (const column of ['backup', 'copy'] as const) {
        it(`then it stores none, though it finds and removes what is there (${column})`, () => {
          runner.runFrame(session, framed(undefined, (writer) => writeSet(writer, keyOf(binary), 'v', 1, 0, false)), 0) // prettier-ignore
          answers()
          channel.connected(new RecordingPort())
          slots[column].fill(channel)
          runner.runFrame(session, all(binary), 0)
          const refused = errorToWire('INVALID_KEY')
          assert.deepEqual(codesOf(answers()), [refused, 'v', true])
          assert.equal(stored(binary), undefined)
          runner.runFrame(session, all(text), 0)
          assert.equal(stored(text), undefined, 'it was stored, and removed')
        })

        it(`until that has said of which it is, they wait, and text does not (${column})`, () => {
          slots[column].fill(channel)
          runner.runFrame(session, framed(undefined, (writer) => writeSet(writer, keyOf(binary), 'v', 1, 0, true)), 0) // prettier-ignore
          runner.runFrame(session, framed(undefined, (writer) => writeSet(writer, keyOf(text), 'v', 1, 0, true)), 0) // prettier-ignore
          assert.deepEqual(answers(), [[0, true]])
          assert.deepEqual([stored(binary), stored(text)?.value], [undefined, 'v'])
          channel.connected(new RecordingPort(), true, true)
          runner.peerConnected()
          runner.runBacklog(0)
          assert.deepEqual([answers().length, stored(binary)?.value], [1, 'v'])
        })
      }
    })
  })

  it('answers with the bytes and the text that were set, and counts their bytes', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const texts = ['é漢😀\ufffd\0', 'é漢😀'.repeat(400), 'é漢😀'.repeat(1000), '']
    const values = [bytes, Buffer.concat(Array.from({ length: 17 }, () => bytes)), Buffer.alloc(0), ...texts]
    for (const value of values) {
      const kind = typeof value === 'string' ? ValueKind.TEXT : ValueKind.BYTES
      run(0, [CommandCode.SET, KEY, value, kind, 0, 0, ...get()])
      assert.deepEqual(answers(), [[0, true], [1, value]]) // prettier-ignore
      const size = Buffer.byteLength(value)
      assert.equal(store.counts().primaryBytes, entryCost(KEY.length, size))
    }
  })

  it('stores a short value that was sent ahead as if it stood in the frame', () => {
    const write = (writer: FrameWriter): void => writeSet(writer, KEY, undefined, ValueKind.BYTES, 0, false)
    for (const value of ['short\xff', '']) {
      runner.runFrame(session, framed(Buffer.from(value, 'latin1'), write), 0)
      assert.equal(store.peek(keySlot(KEY, SLOTS), KEY)?.value, value)
    }
  })

  describe('lets a command wait', () => {
    const rooms: readonly [string, (slot: number) => void, (slot: number) => void][] = [
      [
        'for a parked slot',
        (slot) => slots.park(slot),
        (slot) => {
          slots.unpark(slot)
          runner.releaseSlot(slot)
        },
      ],
      [
        'for the topology',
        (slot) => (slots.serving[slot] = Serving.NO),
        (slot) => {
          slots.serving[slot] = Serving.YES
          runner.topologyChanged()
        },
      ],
    ]
    const newer = { version: VERSION + 1 }
    const slot = keySlot(KEY, SLOTS)
    /** What waited, as it is kept. */
    const waited = () => {
      const frames = []
      while (session.suspended.length > 0) frames.push(session.suspended.shift()!)
      session.suspended.prepend(frames)
      return frames.map(({ frame }) => frame)
    }

    for (const [what, close, open] of rooms) {
      it(`${what} without a value that was sent ahead for another`, () => {
        close(slot)
        const long = [CommandCode.SET, OTHER_KEY, LONG, 1, 0, 0]
        // With such a value each, these would be more than may wait.
        const gets = Array.from({ length: 100 }, () => get()).flat()
        runner.runFrame(session, frame(0, [...long, ...gets], newer), 0)
        assert.deepEqual(answers(), [[0, true]])
        open(slot)
        const frames = waited()
        assert.equal(frames.length, 100)
        assert.ok(frames.every(({ ahead }) => ahead === undefined))
        runner.runBacklog(0)
        assert.deepEqual(
          answers(),
          Array.from({ length: 100 }, (_, i) => [1 + i, null]),
        )
      })

      it(`${what} with its own bytes alone, and the value that was sent ahead for it`, () => {
        close(slot)
        const commands = [
          ...set('x'.repeat(100_000), OTHER_KEY),
          ...set('waits'),
          ...[CommandCode.SET, KEY, LONG, 1, 0, 0],
          ...get(),
        ]
        const whole = frame(0, commands, newer)
        runner.runFrame(session, whole, 0)
        whole.bytes.fill(0)
        open(slot)
        const frames = waited()
        const own = (text: string): number => 2 + KEY.length + text.length
        assert.deepEqual(
          frames.map(({ bytes }) => [bytes.length, bytes.buffer.byteLength - bytes.length]),
          [
            [own('waits') + 3, 0],
            [own('') + 2, 0],
            [own(''), 0],
          ],
        )
        assert.deepEqual(
          frames.map(({ ahead }) => ahead),
          [undefined, LONG, undefined],
        )
        runner.runBacklog(0)
        assert.deepEqual(answers(), [[0, true], [1, true], [2, true]]) // prettier-ignore
        assert.deepEqual(
          port.staging.map(({ bytes }) => bytes),
          [LONG],
        )
        assert.equal(store.peek(keySlot(KEY, SLOTS), KEY)?.value, LONG)
      })
    }
  })
})
