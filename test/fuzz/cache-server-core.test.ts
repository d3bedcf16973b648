// A member that has gone mad, and a client that has: what they send harms neither the process nor those who are well.
import assert from 'node:assert/strict'
import { memoryUsage } from 'node:process'
import { test } from 'node:test'
import { CacheServerCore, type LinkPort } from '@icf/cache-server/core'
import {
  CommandCode,
  fromVersion1,
  IcfError,
  isDataFrame,
  isDataType,
  keySlot,
  leaseMessage,
  MessageType,
  NONE,
  readDataFrame,
  toVersion1,
  type FrameReader,
  type Message,
} from '@icf/common'
import { decodeFrame } from '@icf/common/node'
import { collectGarbage } from '@icf/testkit/collect-garbage'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { serverInfo, topologyWith, transitionsOf } from '@icf/testkit/topologies'
import { Wires, type Receiver } from '@icf/testkit/wires'
import fc from 'fast-check'
import { dataFrameOf } from './data-frames.js'
import { frameOf, Messages } from './frames.js'
import { fuzzing, SEED } from './runs.js'

const SLOTS = 16
const FRAMES_PER_RUN = 100
/** Of frames that are sent over and over. */
const SAMPLE = 2000
const ROUNDS = 10
const MOST_BYTES_PER_FRAME = 50
const ID_A = 'a'.repeat(40)
const ID_B = 'b'.repeat(40)
const ID_MAD = 'c'.repeat(40)
const [A, B, MAD] = [0, 1, 2]

/**
 * Of four slots the first two are between `a` and `b`, one has the mad member as its primary and `a` as its backup, one the
 * other way round. At the end of the table are the same with copies under way.
 */
function ownersOf(slot: number): [primary: number, backup: number] {
  if (slot === 14) return [MAD, NONE]
  if (slot === 15) return [A, NONE]
  return [
    [A, B],
    [B, A],
    [MAD, A],
    [A, MAD],
  ][slot % 4] as [number, number]
}

const topology = topologyWith({
  slotCount: SLOTS,
  epoch: 3,
  version: 5,
  servers: [ID_A, ID_B, ID_MAD].map((id, seat) => serverInfo(id, { host: `h${seat}` })),
  primary: (slot) => ownersOf(slot)[0],
  backup: (slot) => ownersOf(slot)[1],
  transitions: transitionsOf([
    [14, { to: A, intent: 'backup', since: 4 }],
    [15, { to: MAD, intent: 'backup', since: 5 }],
  ]),
})

/** What `a` and `b` have for themselves. */
const soundKeys = Array.from({ length: 60 }, (_, i) => `sound ${i}`)
  .filter((key) => keySlot(key, SLOTS) < 14 && keySlot(key, SLOTS) % 4 < 2)
  .slice(0, 12)
const madKeys = Array.from({ length: 60 }, (_, i) => `mad ${i}`)

type Face = 'client' | 'primary' | 'backup' | 'master'

class Pair {
  readonly #wires = new Wires()
  readonly a = this.#core(ID_A)
  readonly b = this.#core(ID_B)
  readonly #results = new Map<number, unknown>()
  readonly #clients = [this.a, this.b].map((core) =>
    core.openClient(
      this.#wires.port({
        message: () => assert.fail('a client is only answered'),
        data: (frame) => this.#answered(frame),
      }),
      'sound client',
    ),
  )
  #id = 0
  #round = 0
  #mad = this.a.openClient(SILENT, 'mad client')
  #toMad: LinkPort = SILENT
  #fromMad: LinkPort = SILENT

  constructor() {
    for (const core of [this.a, this.b]) {
      core.masterConnected(1e9)
      core.adopt(topology, 0)
      core.masterMessage(SILENT, leaseMessage(core.lease.beat(0), 1, 1), 0)
    }
    this.#connect(this.a, this.b)
    this.#connect(this.b, this.a)
    this.#reconnectMad()
    this.#wires.run()
  }

  /** True when it was taken, false when its sender was refused. */
  receive(face: Face, frame: Buffer): boolean {
    try {
      this.#take(face, frame)
      this.#wires.run()
      if (this.#mad.refusal) throw this.#mad.refusal
      return true
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      assert.match(error.code, /^(PROTOCOL|BUSY)$/)
      assert.ok(error.message.length > 10)
      this.reconnect()
      return false
    }
  }

  /** As a link does. */
  #take(face: Face, frame: Buffer): void {
    const ahead = (id: number): Buffer | undefined => (id === 7 ? Buffer.alloc(300_000) : undefined)
    if (isDataFrame(frame)) return this.#takeData(face, readDataFrame(frame, ahead))
    const message = decodeFrame(frame, ahead)
    if (isDataType(message[0])) this.#takeData(face, fromVersion1(message))
    else this.#takeMessage(face, message)
  }

  #takeData(face: Face, frame: FrameReader): void {
    const { a } = this
    if (face === 'client') a.clientData(this.#mad, frame, 0)
    else if (face === 'primary') a.primaryData(ID_MAD, this.#fromMad, frame, 0)
    else if (face === 'backup') a.peerData(ID_MAD, this.#toMad, frame, 0)
    else throw new IcfError('PROTOCOL', `a master can not send message ${frame.type}`)
  }

  #takeMessage(face: Face, message: Message): void {
    const { a } = this
    if (face === 'client') throw new IcfError('PROTOCOL', 'a client sends nothing but commands')
    if (face === 'primary') a.primaryMessage(ID_MAD, this.#fromMad, message, 0)
    else if (face === 'backup') a.peerMessage(ID_MAD, this.#toMad, message, 0)
    else a.masterMessage(SILENT, message, 0)
  }

  #answered(frame: FrameReader): void {
    for (const [id, result] of resultsOf(toVersion1(frame, frame.ahead))) this.#results.set(id, result)
  }

  /** A newer topology, or the master's word that all is handed over, was among what it took: everything is as that says. */
  get hasMoved(): boolean {
    return this.a.slots.topology !== topology || this.a.isOver
  }

  /** Writes, and reads what was written, as if nothing had happened. */
  check(): void {
    this.#round++
    for (const key of soundKeys) {
      const seat = topology.primary[keySlot(key, SLOTS)]!
      if (this.#round > 1) assert.equal(this.#ask(seat, CommandCode.GET, key), `${key} ${this.#round - 1}`)
      assert.equal(this.#ask(seat, CommandCode.SET, key, `${key} ${this.#round}`, 1, 0, 0), true)
      assert.equal(this.#ask(seat, CommandCode.GET, key), `${key} ${this.#round}`)
    }
    for (const core of [this.a, this.b]) {
      core.heartbeat(0, 0)
      core.work(0)
      assert.ok(core.replicationBytes >= 0)
      for (const value of Object.values(core.store.counts())) assert.ok(value >= 0 && value < 1e8)
    }
  }

  #ask(seat: number, ...command: unknown[]): unknown {
    const core = [this.a, this.b][seat]!
    const { epoch, version } = topology
    this.#id++
    const message = [MessageType.COMMANDS, epoch, version, this.#id, this.#id, this.#id, ...command]
    core.clientData(this.#clients[seat]!, dataOf(message), 0)
    this.#wires.run()
    return this.#results.get(this.#id)
  }

  /** All mad connections end, and others begin. */
  reconnect(): void {
    this.#reconnectMad()
    this.#wires.run()
  }

  #reconnectMad(): void {
    const { a } = this
    a.clientLost(this.#mad)
    this.#mad = a.openClient(SILENT, 'mad client')
    a.primaryLost(ID_MAD, this.#fromMad)
    a.peerLost(ID_MAD)
    this.#fromMad = { ...SILENT }
    this.#toMad = { ...SILENT }
    a.primaryConnected(ID_MAD, 1, this.#fromMad)
    a.peerConnected(ID_MAD, this.#toMad)
  }

  #core(id: string): CacheServerCore {
    const core: CacheServerCore = new CacheServerCore({
      clock: { now: () => 0 },
      id,
      budgetBytes: 4 * 1024 * 1024,
      slotCount: SLOTS,
      toMaster: () => undefined,
      flushSoon: () => this.#wires.queue.push(() => core.flush(() => 0)),
      followed: () => undefined,
      termBegan: () => undefined,
      reconnect: () => undefined,
      mending: () => undefined,
      differs: () => undefined,
      ended: () => undefined,
    })
    return core
  }

  #connect(primary: CacheServerCore, backup: CacheServerCore): void {
    const toBackup: Receiver = {
      message: (message) => backup.primaryMessage(primary.id, back, message, 0),
      data: (frame) => backup.primaryData(primary.id, back, frame, 0),
    }
    const toPrimary: Receiver = {
      message: (message) => primary.peerMessage(backup.id, there, message, 0),
      data: (frame) => primary.peerData(backup.id, there, frame, 0),
    }
    const there = this.#wires.port(toBackup)
    const back = this.#wires.port(toPrimary)
    backup.primaryConnected(primary.id, primary.channelIdTo(backup.id), back)
    primary.peerConnected(backup.id, there)
  }
}

/** Where nobody reads. */
const SILENT: LinkPort = {
  send: () => undefined,
  sendData: () => undefined,
  stage: (_bytes, ready) => ready({ id: 1 }),
}

const ids = [ID_A, ID_B, ID_MAD, 'd'.repeat(40)]
const messages = new Messages({ topology, keys: madKeys, ids })
const sent: Record<Face, fc.Arbitrary<unknown[]>> = {
  client: messages.commands(),
  // A primary may name keys of slots that are not its own.
  primary: new Messages({ topology, keys: [...soundKeys, ...madKeys], ids }).batch(),
  backup: messages.acknowledgement(),
  master: messages.fromMaster(),
}

const sentAsData: Record<Face, fc.Arbitrary<unknown[]>> = {
  ...sent,
  backup: messages.backAck(),
  master: messages.anyData(),
}

interface Sent {
  readonly face: Face
  readonly frame: Buffer
}

function framesFor(face: Face): fc.Arbitrary<Sent> {
  const arrays = frameOf(
    fc.oneof(
      { weight: 8, arbitrary: sent[face] },
      { weight: 1, arbitrary: messages.topology() },
      { weight: 1, arbitrary: messages.any() },
    ),
  )
  const data = fc.oneof(
    { weight: 8, arbitrary: dataFrameOf(sentAsData[face]) },
    { weight: 1, arbitrary: dataFrameOf(messages.anyData()) },
  )
  return fc.oneof(arrays, data).map((bytes) => ({ face, frame: bytes }))
}

const anyFrame = fc.oneof(framesFor('client'), framesFor('primary'), framesFor('backup'), framesFor('master'))

test('whatever a client, a primary, a backup or a master sends, the others of a cache server get right answers', () => {
  const frames = fc.array(anyFrame, { maxLength: FRAMES_PER_RUN, size: 'max' })
  fc.assert(
    fc.property(frames, (list) => {
      const pair = new Pair()
      pair.check()
      for (const { face, frame } of list) {
        pair.receive(face, frame)
        if (pair.hasMoved) return
      }
      pair.check()
    }),
    fuzzing(0.9, FRAMES_PER_RUN),
  )
})

test('whatever is sent, over and over, takes no more memory than when it came first', () => {
  const pair = new Pair()
  const harmless = fc.sample(anyFrame, { seed: SEED, numRuns: SAMPLE }).filter(isHarmless)
  const round = (): void => {
    for (const { face, frame } of harmless) pair.receive(face, frame)
    assert.ok(!pair.hasMoved)
    // A long value waits for its backup: only the link, which is not here, would take no more of them.
    pair.reconnect()
    pair.check()
  }
  for (let n = 0; n < 2; n++) round()
  const before = heldBytes()
  for (let n = 0; n < ROUNDS; n++) round()
  const perFrame = (heldBytes() - before) / (ROUNDS * harmless.length)
  assert.ok(perFrame < MOST_BYTES_PER_FRAME, `${perFrame} bytes a frame`)
})

/** Alone it does not move anything. */
function isHarmless({ face, frame }: Sent): boolean {
  const pair = new Pair()
  pair.receive(face, frame)
  return !pair.hasMoved
}

function heldBytes(): number {
  collectGarbage()
  // Bytes outside of the heap are freed some time later; what refers to them is in it.
  return memoryUsage().heapUsed
}
