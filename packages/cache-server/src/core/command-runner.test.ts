import { CommandCode, MessageType, REPEAT } from '@icf/common'
import { resultsOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { topologyWith } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { ClientSession } from './client-session.js'
import { CommandRunner } from './command-runner.js'
import { Lease } from './lease.js'
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
const SLICE = 2000
const PORTION = 500
const NOT_OWNER = 10

describe('what runs commands', () => {
  let slots: SlotTable
  let store: Store
  let lease: Lease
  let runner: CommandRunner
  let session: ClientSession
  let port: RecordingPort

  beforeEach(() => {
    slots = new SlotTable(SLOTS)
    slots.topology = topologyWith({ slotCount: SLOTS, version: VERSION })
    slots.news = slots.topology
    slots.serving.fill(Serving.YES)
    store = new Store(64 * 1024 * 1024, SLOTS)
    for (let slot = 0; slot < SLOTS; slot++) store.setRole(slot, 'primary')
    const ledger = new WriteLedger(slots, store, { drained: () => undefined, abandoned: () => undefined })
    lease = new Lease()
    lease.masterConnected(LEASE_MS)
    lease.answered(lease.beat(0))
    runner = new CommandRunner(slots, store, new Writer(slots, store, ledger), ledger, lease)
    ;({ session, port } = client('client'))
  })

  const client = (id: string): { session: ClientSession; port: RecordingPort } => {
    const to = new RecordingPort()
    return { session: new ClientSession(to, id, []), port: to }
  }
  const set = (value: string, key = KEY): unknown[] => [CommandCode.SET, key, value, 1, 0, 0]
  const get = (key = KEY): unknown[] => [CommandCode.GET, key]
  const frame = (id: number, commands: unknown[], { version = VERSION, number = 0, settled = 0 } = {}) => [
    ...[MessageType.COMMANDS, 1, version, id, number, settled, ...commands],
  ]
  const run = (id: number, commands: unknown[], now = 0): void =>
    runner.runFrame(session, frame(id, commands), now)
  const answers = (from = session, at = port): [number, unknown][] => {
    from.flush()
    return at.sent.splice(0).flatMap(resultsOf)
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

  it('shares a turn out among all whose commands had to wait', () => {
    const others = Array.from({ length: 6 }, (_, n) => client(`client ${n}`))
    slots.park(0)
    for (const { session: each } of others)
      runner.runFrame(each, frame(0, Array.from({ length: 2 * PORTION }, () => get()).flat()), 0)
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
    assert.deepEqual([store.get(KEY)?.value, store.get(OTHER_KEY)?.value], ['tenth', 'other'])
  })

  it('runs what comes before something that is no command, and nothing after it', () => {
    assert.throws(() => run(0, [...set('before'), 99, KEY, ...set('after')]), { code: 'PROTOCOL' })
    assert.deepEqual([store.get(KEY)?.value, answers()], ['before', [[0, true]]])
    // In a backlog, its link is to hear of it.
    slots.park(0)
    run(1, Array.from({ length: SLICE }, () => get()).flat().concat(get(OTHER_KEY), 99, KEY)) // prettier-ignore
    assert.equal(session.refusal, undefined)
    runner.runBacklog(0)
    assert.throws(() => runner.resume(session), { code: 'PROTOCOL' })
  })
})
