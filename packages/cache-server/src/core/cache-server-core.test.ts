import {
  beginCommands,
  CommandCode,
  decodeTopology,
  errorToWire,
  FrameWriter,
  keySlot,
  Leaving,
  limits,
  MessageType,
  NONE,
  readDataFrame,
  REPEAT,
  SLOT_COUNT,
  ValueKind,
  writeCommand,
  writeSet,
  type Topology,
} from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { Wires } from '@icf/testkit/wires'
import { transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { REPORT_INTERVAL_MS } from './copier.js'
import { Member, renewLease, threeMembers, topologyOf } from './members.test.kit.js'

describe('a cache server', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
  })

  const adopt = (topology: Topology, ...members: Member[]): void => {
    for (const member of members) {
      member.core.adopt(topology, 0)
      member.core.work(0)
    }
    wires.run()
  }

  const all = (): Member[] => [a, b, c]

  it('answers a write only when the backup has it', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    const id = a.set('key', 'value')
    a.core.flush(() => 0)
    assert.equal(a.results.has(id), false)
    assert.equal(b.core.store.peek(keySlot('key'), 'key'), undefined)
    wires.run()
    assert.equal(a.results.get(id), true)
    assert.equal(b.core.store.peek(keySlot('key'), 'key')?.value, 'value')
  })

  it('has nothing to flush as time passes, unless something is under way', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.pass(25)
    assert.equal(wires.queue.length, 0)
    adopt(topologyOf(2, 0, 1, { to: 2, intent: 'primary', since: 2 }), ...all())
    a.pass(25)
    assert.equal(wires.queue.length, 1)
  })

  it('shows a write to nobody before the backup has it', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.ask(CommandCode.SET, 'key', 'old', 1, 0, 0)
    a.core.peerLost(b.core.id)
    a.set('key', 'new')
    const read = a.command(CommandCode.GET, 'key')
    const removed = a.command(CommandCode.DELETE, 'key')
    const missing = a.command(CommandCode.GET, 'key')
    wires.run()
    for (const id of [read, removed, missing]) assert.equal(a.results.has(id), false)
    a.connect(b)
    wires.run()
    assert.deepEqual(
      [read, removed, missing].map((id) => a.results.get(id)),
      ['new', true, null],
    )
  })

  it('sends a client of another slot away, and parks one that knows more', () => {
    adopt(topologyOf(1, 0, 1), a, b, c)
    const answer = b.get('key') as unknown[]
    assert.deepEqual([answer[0], answer[1], answer[3], answer[4]], [-1, 10, 1, 1])
    b.core.clientData(b.client, dataOf([MessageType.COMMANDS, 1, 2, 900, 0, 0, CommandCode.GET, 'key']), 0)
    wires.run()
    assert.equal(b.results.has(900), false)
    adopt(topologyOf(2, 1, NONE), b)
    assert.equal(b.results.get(900), null)
  })

  it('names to a client it sends away the newest version that clients get, not one that concerns servers alone', () => {
    const { c } = threeMembers()
    const refusal = (): unknown => (c.get('k') as unknown[]).slice(3)
    c.core.adopt(topologyOf(1, 0, 1), 0)
    assert.deepEqual(refusal(), [1, 1])
    c.core.adopt(topologyOf(2, 0, 1, { to: 2, intent: 'backup', since: 2 }), 0)
    c.core.adopt(topologyOf(3, 0, 2), 0)
    assert.deepEqual(refusal(), [1, 1])
    c.core.adopt(topologyOf(4, 1, 2), 0)
    assert.deepEqual(refusal(), [1, 4])
  })

  it('gives its slots up when it leaves and the others may not hold any', () => {
    const { a } = threeMembers()
    const others = topologyOf(1, 0, NONE)
    const servers = others.servers.map(
      (server) => server && { ...server, weight: server.id === a.core.id ? 1 : 0 },
    )
    a.core.adopt({ ...others, servers }, 0)
    a.core.leave()
    a.core.heartbeat(0, 0)
    assert.deepEqual(a.toMaster.at(-1)!.slice(0, 3), [MessageType.KEEP_ALIVE, 2, Leaving.GIVE_UP])
  })

  it('tells its whole topology to a master that asks', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    const asker = new RecordingPort()
    a.core.masterMessage(asker, [MessageType.DISTRIBUTION_REQUEST], 0)
    const [type, update] = asker.sent.at(-1)!
    assert.equal(type, MessageType.DISTRIBUTION_RESPOND)
    assert.deepEqual(decodeTopology(update, undefined), a.core.slots.topology)
  })

  it('serves nothing without a lease, and goes on when it is renewed', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const id = 77
    a.core.clientData(a.client, dataOf([MessageType.COMMANDS, 1, 1, id, 0, 0, CommandCode.HAS, 'key']), 2e6)
    wires.run()
    assert.equal(a.results.has(id), false)
    renewLease(a.core, 2e6)
    a.core.flush(() => 2e6)
    wires.run()
    assert.equal(a.results.get(id), false)
  })

  it('promotes a backup with all it has, and copies to a new backup while writes go on', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    for (let i = 0; i < 100; i++) a.set(`key${i}`, `v${i}`)
    wires.run()
    adopt(topologyOf(2, 1, NONE, { to: 2, intent: 'backup', since: 2 }), b, c)
    assert.equal(b.get('key7'), 'v7')
    assert.equal(c.core.store.peek(keySlot('key7'), 'key7')?.value, 'v7')
    b.pass(REPORT_INTERVAL_MS)
    wires.run()
    const copied = b.toMaster.filter((message) => message[0] === MessageType.SLOTS_COPIED)
    assert.equal(copied.flatMap((message) => message[4] as number[]).length, 2 * SLOT_COUNT)
    assert.equal(copied[0]![1], c.core.id)
    b.set('key7', 'newer')
    wires.run()
    assert.equal(c.core.store.peek(keySlot('key7'), 'key7')?.value, 'newer')
  })

  it('does not acknowledge what a replaced primary writes', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    adopt(topologyOf(2, 1, 2), b, c)
    const id = a.set('key', 'lost')
    wires.run()
    // b refused, a asked b for the newer topology, learned that b is the primary, and sends its client there.
    assert.deepEqual((a.results.get(id) as unknown[]).slice(0, 2), [-1, errorToWire('OWNER_CHANGED')])
    assert.equal(b.get('key'), null)
  })

  it('stores nothing from a replaced primary, though it is the backup as before', () => {
    adopt(topologyOf(1, 0, 2), ...all())
    adopt(topologyOf(2, 1, 2), b, c)
    const id = a.set('key', 'lost')
    wires.run()
    assert.deepEqual((a.results.get(id) as unknown[]).slice(0, 2), [-1, errorToWire('OWNER_CHANGED')])
    assert.equal(c.core.store.peek(keySlot('key'), 'key'), undefined)
  })

  const set = (value: string): unknown[] => [CommandCode.SET, 'key', value, 1, 0, 0]

  it('carries a repeated write out once, though another one came in between', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.numbered(7, 7, ...set('first'))
    wires.run()
    a.numbered(8, 7, ...set('second'))
    wires.run()
    assert.equal(a.repeat(7, ...set('first')), true)
    assert.equal(a.get('key'), 'second')
    assert.equal(a.repeat(9, ...set('never sent before')), true)
    assert.equal(a.get('key'), 'never sent before')
  })

  it('says of a repeated delete what the first attempt did', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.numbered(1, 1, ...set('value'), CommandCode.DELETE, 'key', ...set('other'))
    wires.run()
    assert.equal(a.repeat(2, CommandCode.DELETE, 'key'), true)
    assert.equal(a.get('key'), 'other')
    assert.equal(a.repeat(4, CommandCode.DELETE, 'key'), true)
    assert.equal(a.get('key'), null)
  })

  it('answers a repeated write only when the first attempt is safe', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.core.peerLost(b.core.id)
    a.numbered(1, 1, ...set('value'))
    assert.equal(a.repeat(1, ...set('value')), undefined)
    a.connect(b)
    wires.run()
    assert.deepEqual([...a.results.values()], [true, true])
  })

  it('knows a repeated write after it was promoted, and after it got the slot by a move', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.numbered(1, 1, ...set('first'), ...set('second'))
    wires.run()
    adopt(topologyOf(2, 1, NONE, { to: 2, intent: 'backup', since: 2 }), b, c)
    assert.equal(b.repeat(1, ...set('first')), true)
    assert.equal(b.get('key'), 'second')
    adopt(topologyOf(3, 1, 2), b, c)
    adopt(topologyOf(4, 2, NONE), b, c)
    assert.equal(c.repeat(1, ...set('first')), true)
    assert.equal(c.get('key'), 'second')
  })

  it('does not take what an earlier copy of the slot had for what it has', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.numbered(1, 1, ...set('first'))
    wires.run()
    adopt(topologyOf(2, 0, NONE), ...all())
    adopt(topologyOf(3, 1, NONE), b)
    assert.equal(b.repeat(1, ...set('again')), true)
    assert.equal(b.get('key'), 'again')
  })

  it('does not carry a repetition out again that waited until its caller had given up', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const frame = (...rest: unknown[]): void =>
      a.core.clientData(a.client, dataOf([MessageType.COMMANDS, 1, 1, ...rest]), 2e6)
    a.numbered(1, 1, ...set('first'), ...set('second'))
    frame(10, 0, 1, REPEAT, 1, ...set('first'))
    frame(11, 3, 3, CommandCode.GET, 'key')
    renewLease(a.core, 2e6)
    a.core.flush(() => 2e6)
    wires.run()
    assert.equal(a.results.get(11), 'second')
  })

  it('forgets writes that are settled', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const origin = a.core.store.history.origin('client', 0)
    for (let number = 1; number <= 1000; number++) a.numbered(number, Math.max(0, number - 10), ...set('v'))
    assert.equal(origin.size, 11)
  })

  it('hands a slot to a new primary: copied, parked, drained, committed', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.ask(CommandCode.SET, 'key', 'value', 1, 0, 0)
    const move = { to: 2, intent: 'primary', since: 2 } as const
    const topology = topologyOf(2, 0, 1)
    const slot = keySlot('key')
    adopt({ ...topology, transitions: transitionsOf([[slot, move]]) }, ...all())
    assert.deepEqual(a.toMaster.at(-1)!.slice(0, 2), [MessageType.SLOTS_HANDED_OFF, c.core.id])
    assert.deepEqual(a.toMaster.at(-1)![4], [slot, 2])
    const parked = a.command(CommandCode.GET, 'key')
    wires.run()
    assert.equal(a.results.has(parked), false)
    const next = topologyOf(3, 0, 1)
    ;(next.primary as Uint16Array)[slot] = 2
    adopt(next, ...all())
    assert.deepEqual((a.results.get(parked) as unknown[]).slice(0, 2), [-1, 10])
    assert.equal(c.get('key'), 'value')
    assert.equal(c.ask(CommandCode.SET, 'key', 'after', 1, 0, 0), true)
    assert.equal(b.core.store.peek(slot, 'key')?.value, 'after')
    assert.equal(a.core.store.countOf(slot), 0)
  })

  it('goes on serving a parked slot when the move is called off', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    adopt(topologyOf(2, 0, 1, { to: 1, intent: 'primary', since: 2 }), ...all())
    const id = a.command(CommandCode.GET, 'key')
    const parkedSlots = a.toMaster
      .filter((m) => m[0] === MessageType.SLOTS_HANDED_OFF)
      .flatMap((m) => m[4] as number[])
    assert.equal(parkedSlots.length, 2 * 256)
    adopt(topologyOf(3, 0, 1), ...all())
    assert.equal(a.results.get(id), null)
  })

  it('makes writes wait for the new backup when the old one dies', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.core.peerLost(b.core.id)
    const id = a.set('key', 'value')
    wires.run()
    assert.equal(a.results.has(id), false)
    adopt(topologyOf(2, 0, NONE, { to: 2, intent: 'backup', since: 2 }), a, c)
    assert.equal(a.results.get(id), true)
    assert.equal(c.core.store.peek(keySlot('key'), 'key')?.value, 'value')
  })

  it('keeps nothing of the memory in which a value came, nor does its backup', () => {
    // With little memory, what is long stands apart from its record.
    for (const budgetBytes of [4, 64].map((mib) => mib * 1024 * 1024)) {
      const links = new Wires()
      const [primary, backup] = ['a', 'b'].map((name) => new Member(name, links, budgetBytes)) as [
        Member,
        Member,
      ]
      primary.connect(backup)
      for (const { core } of [primary, backup]) core.adopt(topologyOf(1, 0, 1), 0)
      for (const length of [0, 10, 100, 5000, 20_000, limits.chunkBytes]) {
        const value = 'x'.repeat(length)
        assert.equal(primary.ask(CommandCode.SET, 'key', value, 1, 0, 0), true)
        assert.equal(primary.get('key'), value)
        const stored = backup.core.store.peek(keySlot('key'), 'key')!.value
        assert.ok(String(stored) === value, `${length} bytes`)
      }
    }
  })

  it('puts such a write before the rest of its slot, and answers when the new backup has it', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    for (let i = 0; i < 40; i++) a.ask(CommandCode.SET, `{key}${i}`, 'x'.repeat(100_000), 1, 0, 0)
    a.core.peerLost(b.core.id)
    const id = a.set('key', 'value')
    wires.run()
    for (const { core } of [c, a])
      core.adopt(topologyOf(2, 0, NONE, { to: 2, intent: 'backup', since: 2 }), 0)
    while (!a.results.has(id)) wires.queue.shift()!()
    const { store } = c.core
    assert.equal(store.peek(keySlot('key'), 'key')?.value, 'value')
    assert.ok(store.countOf(keySlot('key')) < 41)
  })

  it('refuses bad arguments without disturbing the commands beside them', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const writer = new FrameWriter()
    beginCommands(writer, { epoch: 1, version: 1, firstId: 1, nextNumber: 0, settledBelow: 0 }, false)
    writeSet(writer, 'k', 'v', 3, 0, false)
    writeSet(writer, 'k', 'v', ValueKind.TEXT, limits.maxTtlMs + 1, false)
    writeCommand(writer, CommandCode.GET, '')
    writeCommand(writer, CommandCode.GET, 'x'.repeat(5000))
    writeCommand(writer, CommandCode.HAS, 'k')
    const none = (): undefined => undefined
    a.core.clientData(a.client, readDataFrame(writer.finish(), none), 0)
    wires.run()
    const codes = [1, 2, 3, 4].map((id) => (a.results.get(id) as unknown[])[1])
    assert.deepEqual(codes, [1, 1, 2, 2])
    assert.equal(a.results.get(5), false)
    beginCommands(writer, { epoch: 1, version: 1, firstId: 1, nextNumber: 0, settledBelow: 0 }, false)
    writer.byte(99)
    writer.text('k')
    const unknown = readDataFrame(writer.finish(), none)
    assert.throws(() => a.core.clientData(a.client, unknown, 0), { code: 'PROTOCOL' })
    // In an array of version 1 there can be more that is wrong: nothing of it is carried out.
    for (const [value, ttlMs] of [
      [5, 0],
      ['v', -1],
    ])
      // prettier-ignore
      assert.throws(() => dataOf([MessageType.COMMANDS, 1, 1, 1, 0, 0, CommandCode.SET, 'k', value, 1, ttlMs, 0]), {
        code: 'PROTOCOL',
      })
  })
})
