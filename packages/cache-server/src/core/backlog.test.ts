// Commands that waited for something, and need not any more.
import { CommandCode, IcfError, MessageType, NONE, type Topology } from '@icf/common'
import { arrayOf, dataOf, resultsOf, withMore } from '@icf/testkit/frames'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CacheServerCore } from './cache-server-core.js'
import type { ClientSession } from './client-session.js'
import { LEASE_MS, nobody, renewLease, topologyOf } from './members.test.kit.js'

/** As docs/protocol.md has it. */
const MAX_WAITING = 100_000

describe('a backlog of commands', () => {
  let core: CacheServerCore
  let isFlushDue: boolean
  let client: TestClient

  class TestClient {
    readonly results = new Map<number, unknown>()
    readonly session: ClientSession
    isPaused = false
    wasAskedFor = 0
    #id = 0

    constructor(name: string) {
      const port = {
        send: () => assert.fail('sent'),
        sendData: (frame: Buffer) => this.#receive(frame),
        stage: () => assert.fail('staged'),
      }
      this.session = core.openClient(port, name, {
        unsentBytes: 0,
        filled: () => (this.isPaused = true),
        progressed: () => {
          this.isPaused = false
          this.wasAskedFor++
        },
      })
    }

    /** @returns the id of the first */
    send(...commands: unknown[][]): number {
      const first = this.#id
      const message = [MessageType.COMMANDS, 1, 1, first, 0, 0, ...commands.flat()]
      core.clientData(this.session, dataOf(message), 0)
      this.#id += commands.length
      return first
    }

    /** With something after them that is no command. */
    sendBroken(...commands: unknown[][]): number {
      const first = this.#id
      const frame = dataOf([MessageType.COMMANDS, 1, 1, first, 0, 0, ...commands.flat()])
      core.clientData(this.session, withMore(frame, 99), 0)
      return first
    }

    #receive(frame: Buffer): void {
      for (const [id, result] of resultsOf(arrayOf(frame))) this.results.set(id, result)
    }
  }

  beforeEach(() => {
    isFlushDue = false
    core = new CacheServerCore({
      id: 'a'.repeat(40),
      budgetBytes: 1024 * 1024 * 1024,
      ...nobody,
      flushSoon: () => (isFlushDue = true),
    })
    core.masterConnected(LEASE_MS)
    core.adopt(topologyOf(1, 0, NONE), 0)
    client = new TestClient('client')
  })

  const set = (value: unknown): unknown[] => [CommandCode.SET, 'key', String(value), 1, 0, 0]
  const get = [CommandCode.GET, 'key']

  /** One turn of the event loop. @returns how many commands it ran */
  const turn = (): number => {
    const before = core.runner.commandsRun
    isFlushDue = false
    core.flush(() => 0)
    return core.runner.commandsRun - before
  }

  it('runs a few of them in each turn, and all in the order they came', () => {
    for (let sent = 0; sent < MAX_WAITING; sent += 1000)
      client.send(...Array.from({ length: 500 }, (_, i) => [set(sent + i), get]).flat())
    assert.equal(client.results.size, 0)
    const before = core.runner.commandsRun
    renewLease(core, 0)
    assert.ok(core.runner.commandsRun - before <= 2000)
    const most = turn()
    assert.ok(most <= 2000, String(most))
    assert.ok(client.results.size < MAX_WAITING)
    // What it sends now does not overtake the others, and it is not asked for more meanwhile.
    const [late, read] = [client.send(set('late')), client.send(get)]
    assert.ok(client.isPaused)
    for (let turns = 0; isFlushDue; turns++) {
      const ran = turn()
      assert.ok(ran <= 2000, String(ran))
      assert.ok(turns < 1000)
    }
    assert.ok(!client.isPaused)
    for (let i = 0; i < 500; i++) assert.equal(client.results.get(99_001 + 2 * i), String(99_000 + i))
    assert.deepEqual([client.results.get(late), client.results.get(read)], [true, 'late'])
    assert.equal(client.results.size, MAX_WAITING + 2)
  })

  it('runs a long frame in slices, so that nobody waits for all of it', () => {
    renewLease(core, 0)
    const before = core.runner.commandsRun
    client.send(...Array.from({ length: 8000 }, (_, i) => [set(i), get]).flat())
    const other = new TestClient('other')
    other.send(get)
    assert.ok(core.runner.commandsRun - before <= 2001)
    for (let turns = 0; isFlushDue; turns++) {
      assert.ok(turn() <= 2000)
      assert.ok(turns < 100)
    }
    assert.equal(client.results.size, 16_000)
    for (let i = 0; i < 8000; i++) assert.equal(client.results.get(2 * i + 1), String(i))
    // It is run in the turn in which it came.
    assert.ok(Number(other.results.get(0)) < 1000)
  })

  it('lets a client with little in between those with much', () => {
    for (let sent = 0; sent < 50_000; sent += 1000) client.send(...Array.from({ length: 1000 }, () => get))
    const other = new TestClient('other')
    other.send(get)
    renewLease(core, 0)
    turn()
    turn()
    assert.equal(other.results.size, 1)
  })

  it('runs those that waited for a topology in slices, too', () => {
    renewLease(core, 0)
    core.adopt({ ...topologyOf(2, NONE, NONE) } satisfies Topology, 0)
    for (let sent = 0; sent < 50_000; sent += 10_000)
      core.clientData(
        client.session,
        dataOf([MessageType.COMMANDS, 1, 3, sent, 0, 0, ...Array.from({ length: 10_000 }, () => get).flat()]),
        0,
      )
    const before = core.runner.commandsRun
    core.adopt(topologyOf(3, 0, NONE), 0)
    assert.equal(core.runner.commandsRun, before)
    for (let turns = 0; client.results.size < 50_000; turns++) {
      assert.ok(turn() <= 2000)
      assert.ok(turns < 1000)
    }
  })

  it('runs fewer of them when their answers are long', () => {
    client.send([CommandCode.SET, 'long', Buffer.alloc(100_000), 0, 0, 0])
    for (let sent = 0; sent < 40; sent++) client.send([CommandCode.GET, 'long'])
    const other = new TestClient('other')
    other.send([CommandCode.GET, 'long'])
    renewLease(core, 0)
    for (let turns = 0; other.results.size === 0; turns++) {
      const ran = turn()
      assert.ok(ran <= 25, String(ran))
      assert.ok(turns < 10)
    }
    assert.ok(client.results.size < 40)
    while (isFlushDue) turn()
    assert.equal(client.results.size, 41)
  })

  it('puts no more into frames in one turn than that has time for', () => {
    renewLease(core, 0)
    client.send([CommandCode.SET, 'long', Buffer.alloc(100_000), 0, 0, 0])
    while (isFlushDue) turn()
    const many = Array.from({ length: 50 }, (_, i) => new TestClient(`client ${i}`))
    for (const each of many) each.send(...Array.from({ length: 9 }, () => [CommandCode.GET, 'long']))
    const answered = (): number => many.filter(({ results }) => results.size === 9).length
    turn()
    assert.ok(answered() > 0 && answered() < 5, String(answered()))
    while (isFlushDue) turn()
    assert.equal(answered(), 50)
  })

  it('forgets those whose client has gone', () => {
    for (let sent = 0; sent < 10_000; sent += 1000) client.send(...Array.from({ length: 1000 }, () => get))
    renewLease(core, 0)
    turn()
    core.clientLost(client.session)
    turn()
    assert.ok(!isFlushDue)
  })

  it('does not refuse others for what waits of a client that has gone', () => {
    const other = new TestClient('other')
    const answerOf = (id: number): unknown => {
      while (isFlushDue) turn()
      return other.results.get(id)
    }
    for (let sent = 0; sent < MAX_WAITING; sent += 1000)
      client.send(...Array.from({ length: 1000 }, () => get))
    while (isFlushDue) turn()
    assert.match((answerOf(other.send(get)) as [number, number, string])[2], /too many commands wait/)
    core.clientLost(client.session)
    const id = other.send(get)
    assert.equal(answerOf(id), undefined)
    renewLease(core, 0)
    assert.equal(answerOf(id), null)
    assert.equal(client.results.size, 0)
  })

  it('leaves what is wrong among them to the link of the client that sent it', () => {
    for (let sent = 0; sent < 10_000; sent += 1000) client.send(...Array.from({ length: 1000 }, () => get))
    renewLease(core, 0)
    turn()
    const id = client.sendBroken(get)
    client.wasAskedFor = 0
    while (isFlushDue) turn()
    assert.deepEqual([client.results.get(id), client.results.has(id + 1)], [null, false])
    assert.equal(client.wasAskedFor, 1)
    assert.throws(() => core.clientAdvanced(client.session), IcfError)
  })
})
