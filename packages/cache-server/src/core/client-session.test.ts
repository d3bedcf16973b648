import { CommandCode, limits, MessageType, NONE, REPEAT, ValueKind, type Message } from '@icf/common'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CacheServerCore } from './cache-server-core.js'
import { ClientSession, type Reply } from './client-session.js'
import { Entry } from './entry.js'
import { LEASE_MS, Member, nobody, renewLease, topologyOf } from './members.test.kit.js'
import { storedValue, type StoredValue } from './stored-value.js'

/** Tells of each frame. */
class TellingPort extends RecordingPort {
  onFrame = (_frame: Buffer): void => undefined

  override sendData(frame: Buffer): void {
    super.sendData(frame)
    this.onFrame(frame)
  }
}

function entry(value: StoredValue, kind: number): Entry {
  return new Entry('k', 1, 1, value, kind, 0)
}

/** Those in the arrays in it among them. */
function elementsOf(message: Message): number {
  return message.reduce<number>((sum, field) => sum + 1 + (Array.isArray(field) ? field.length : 0), 0)
}

describe('answers to a client', () => {
  let port: TellingPort
  let sent: Message[]
  let session: ClientSession

  beforeEach(() => {
    port = new TellingPort()
    sent = port.sent
    session = new ClientSession(port, '', [])
  })

  const checkFrames = (count: number): void => {
    session.flush()
    let results = 0
    for (const [at, message] of sent.entries()) {
      const { length } = port.frames[at]!
      assert.ok(length < limits.maxFrameBytes, `a frame of ${length} bytes`)
      assert.equal(message[1], results)
      results += message[2] as number
    }
    assert.equal(results, count)
  }

  it('leave in several frames when they are objects', () => {
    for (let id = 0; id < 100; id++) session.reply(id, entry(Buffer.alloc(100_000), ValueKind.ENCODED))
    checkFrames(100)
    assert.ok(sent.length >= 8)
  })

  it('leave in several frames when they are text of three bytes a character', () => {
    const bytes = Buffer.from('漢'.repeat(limits.chunkBytes / 3))
    const text = storedValue(bytes, 0, bytes.length)
    assert.ok(text.length <= limits.chunkBytes)
    for (let id = 0; id < 100; id++) session.reply(id, entry(text, ValueKind.TEXT))
    checkFrames(100)
  })

  it('leave in several frames when they are errors, or nothing', () => {
    const error = { wire: 10, text: 'another server owns this slot', epoch: 1_795_304_882, version: 111 }
    for (let id = 0; id < 200_000; id++) session.reply(id, id % 2 === 0 ? error : null)
    checkFrames(200_000)
    assert.ok(sent.length >= 2)
  })

  describe('are frames of a length, and arrays of a size, that are taken', () => {
    const COUNT = 131_072
    const errorOf = (text: string): Reply => ({ wire: 10, text, epoch: 1_795_304_882, version: 111 })
    const replies: readonly [string, Reply][] = [
      ['errors', errorOf('x'.repeat(80))],
      ['errors of three bytes a character', errorOf('漢'.repeat(80))],
      ['errors without a text', errorOf('')],
      ['nothing', null],
      ['numbers', Number.MAX_SAFE_INTEGER],
      ['empty text', entry('', ValueKind.TEXT)],
      ['no bytes', entry('', ValueKind.BYTES)],
      ['empty objects', entry('', ValueKind.ENCODED)],
    ]
    for (const [what, reply] of replies)
      for (const step of [1, 2])
        it(`when they are ${what}${step === 1 ? '' : ', each in a run of its own'}`, () => {
          for (let i = 0; i < COUNT; i++) session.reply(i * step, reply)
          session.flush()
          assert.equal(sent.flatMap(resultsOf).length, COUNT)
          for (const { length } of port.frames) assert.ok(length < limits.maxFrameBytes, `${length} bytes`)
          for (const message of sent) {
            const elements = elementsOf(message)
            assert.ok(elements < limits.maxFrameElements, `${elements} elements`)
          }
        })
  })

  it('stop commands that waited, too, which go on before what came later', () => {
    const flow = { unsentBytes: 0, filled: () => undefined, progressed: () => undefined }
    const core = new CacheServerCore({
      id: 'a'.repeat(40),
      budgetBytes: 64 * 1024 * 1024,
      ...nobody,
    })
    core.masterConnected(LEASE_MS)
    core.adopt(topologyOf(1, 0, NONE), 0)
    port.onFrame = ({ length }) => void (flow.unsentBytes += length)
    const client = core.openClient(port, 'client', flow)
    const run = (id: number, number: number, ...commands: unknown[]): void =>
      core.clientData(client, dataOf([MessageType.COMMANDS, 1, 1, id, number, 0, ...commands]), 0)
    const set = (value: unknown): unknown[] => [CommandCode.SET, 'k', value, 0, 0, 0]
    run(0, 1, ...set(Buffer.alloc(200_000)))
    run(1, 2, ...Array.from({ length: 30 }, () => [CommandCode.GET, 'k']).flat())
    run(31, 2, REPEAT, 1, ...set(Buffer.from('never carried out')), ...set(Buffer.from('b')))
    renewLease(core, 0)
    for (let turns = 0; turns < 5; turns++) core.flush(() => 0)
    assert.ok(client.isFull && sent.flatMap(resultsOf).length < 30)
    run(33, 3, CommandCode.GET, 'k')
    for (let rounds = 0; client.isFull || client.suspended.length > 0; rounds++) {
      flow.unsentBytes = 0
      core.clientAdvanced(client)
      core.flush(() => 0)
      assert.ok(rounds < 100)
    }
    assert.equal(port.staging.length, 0)
    const results = new Map(sent.flatMap(resultsOf))
    assert.equal(results.size, 34)
    assert.equal((results.get(30) as Uint8Array).length, 200_000)
    assert.deepEqual([results.get(31), results.get(32), results.get(33)], [true, true, Buffer.from('b')])
  })

  it('stop its commands while many of them wait for a write', () => {
    const wires = new Wires()
    const [a, b] = [new Member('a', wires), new Member('b', wires)]
    for (const member of [a, b]) member.core.adopt(topologyOf(1, 0, 1), 0)
    const flow = { unsentBytes: 0, filled: () => undefined, progressed: () => progressed++ }
    let progressed = 0
    const port = new RecordingPort()
    const client = a.core.openClient(port, '', flow)
    const gets = Array.from({ length: 1000 }, () => [CommandCode.GET, 'k']).flat()
    const first = [CommandCode.SET, 'k', Buffer.alloc(100_000), 0, 0, 0]
    a.core.clientData(client, dataOf([MessageType.COMMANDS, 1, 1, 0, 0, 0, ...first, ...gets]), 0)
    assert.ok(client.isFull)
    const { outstandingBytes } = client
    a.connect(b)
    wires.run()
    const answers = port.sent.flatMap(resultsOf).length
    assert.ok(answers > 40 && answers < 50, String(answers))
    assert.equal(client.outstandingBytes, outstandingBytes)
    assert.ok(progressed > 0)
    a.core.clientAdvanced(client)
    wires.run()
    assert.equal(port.sent.flatMap(resultsOf).length, 1001)
  })

  it('stop its commands while it takes none, also in the middle of a frame, and go on in order', () => {
    const flow = { unsentBytes: 0, filled: () => filled++, progressed: () => progressed++ }
    let filled = 0
    let progressed = 0
    const core = new CacheServerCore({
      id: 'a'.repeat(40),
      budgetBytes: 64 * 1024 * 1024,
      ...nobody,
    })
    core.masterConnected(LEASE_MS)
    core.adopt(topologyOf(1, 0, NONE), 0)
    renewLease(core, 0)
    const { staging } = port
    port.onFrame = ({ length }) => void (flow.unsentBytes += length)
    const client = core.openClient(port, '', flow)
    const run = (id: number, ...commands: unknown[]): void => {
      core.clientData(client, dataOf([MessageType.COMMANDS, 1, 1, id, 0, 0, ...commands]), 0)
      core.flush(() => 0)
    }
    const advance = (): void => {
      core.clientAdvanced(client)
      core.flush(() => 0)
    }
    const answers = (): number => sent.flatMap(resultsOf).length

    run(
      0,
      CommandCode.SET,
      'k',
      Buffer.alloc(100_000),
      0,
      0,
      0,
      CommandCode.SET,
      'long',
      Buffer.alloc(3e6),
      0,
      0,
      0,
    )
    run(2, ...Array.from({ length: 1000 }, () => [CommandCode.GET, 'k']).flat(), CommandCode.DELETE, 'k')
    run(1003, CommandCode.HAS, 'k', CommandCode.GET, 'long', CommandCode.GET, 'long', CommandCode.HAS, 'k')
    const first = answers()
    assert.ok(first < 70, String(first))
    assert.equal(filled, 1)
    for (let rounds = 0; answers() < 2 + 1001 + 1; rounds++) {
      advance()
      if (client.isFull) flow.unsentBytes = 0
      assert.ok(rounds < 100)
    }
    assert.ok(filled > 15)
    // Two long values are too much at a time; the last command waits.
    advance()
    assert.deepEqual([staging.length, client.isFull], [2, true])
    advance()
    assert.equal(answers(), 1004)
    const before = progressed
    staging[0]!.ready({ id: 1 })
    assert.equal(progressed, before + 1)
    advance()
    assert.equal(answers(), 1006)
    staging[1]!.ready({ id: 2 })
    // In the order they came: of what the DELETE removed, nothing is there after it.
    const results = new Map(sent.flatMap(resultsOf))
    assert.deepEqual(
      [2, 1001, 1002, 1003, 1006].map((id) => results.get(id)),
      [Buffer.alloc(100_000), Buffer.alloc(100_000), true, false, false],
    )
  })
})
