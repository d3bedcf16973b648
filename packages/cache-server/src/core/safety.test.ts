// What must hold when topologies, links and leases change at the worst moment.
import {
  CommandCode,
  errorToWire,
  keySlot,
  limits,
  MessageType,
  NONE,
  REPEAT,
  type Topology,
  type Transition,
} from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import type { Wires } from '@icf/testkit/wires'
import { transitionsOf } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { DEAF, threeMembers, topologyOf, Member } from './members.test.kit.js'

const slot = keySlot('key')
const MIB = 1024 * 1024

describe('a cache server keeps what it promised', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.connect(to)
  })

  const adopt = (topology: Topology, ...members: Member[]): void => {
    for (const member of members) member.core.adopt(topology, 0)
    wires.run()
  }

  it('a write that was refused is not acknowledged by a reconnect', () => {
    adopt(topologyOf(1, 0, 1), a, b, c)
    adopt(topologyOf(2, 1, 2), b)
    const id = a.set('key', 'value')
    a.core.flush(() => 0)
    wires.step()
    // The refusal is lost with its link.
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    wires.run()
    a.connect(b)
    wires.run()
    assert.notEqual(a.results.get(id), true)
    assert.equal(b.core.store.peek(slot, 'key'), undefined)
  })

  it('a channel that begins anew is not taken for the one before', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    for (let i = 0; i < 10; i++) a.set('key', String(i))
    wires.run()
    const { servers, ...rest } = topologyOf(2, 0, NONE)
    a.core.adopt({ ...rest, servers: [servers[0], undefined, servers[2]] }, 0)
    const next = topologyOf(3, 0, NONE, { to: 1, intent: 'backup', since: 3 })
    adopt(next, a, b)
    a.connect(b)
    a.set('key', 'new')
    wires.run()
    assert.equal(b.core.store.peek(slot, 'key')?.value, 'new')
  })

  it('a master that lost its state does not take data away unnoticed', () => {
    adopt(topologyOf(100, 0, 1), a)
    const foreign = { ...topologyOf(5, 0, 1), epoch: 9 }
    a.core.adopt(foreign, 0)
    wires.run()
    assert.equal(a.ended, 'fenced')
  })

  it('what a new topology begins goes by that topology, also when a batch is full at once', () => {
    adopt(topologyOf(1, 0, NONE), a, b)
    for (let i = 0; i < 8; i++) a.set('key', String(i))
    wires.run()
    const next = topologyOf(2, 0, NONE, { to: 1, intent: 'backup', since: 2 })
    a.core.adopt(next, 0)
    for (let i = 0; i < 20; i++) a.set('key', 'x'.repeat(200_000))
    wires.run()
    adopt(next, b)
    assert.equal(b.core.store.peek(slot, 'key')?.value.length, 200_000)
  })

  it('a write whose backup dies waits for the copy that was begun after it', () => {
    adopt(topologyOf(1, 0, 1), a, b, c)
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    const id = a.set('key', 'value')
    a.core.flush(() => 0)
    const move = { to: 2, intent: 'backup', since: 2 } as const
    a.core.adopt(topologyOf(2, 0, 1, move), 0)
    a.core.adopt(topologyOf(3, 0, NONE, move), 0)
    a.core.flush(() => 0)
    assert.equal(a.results.has(id), false)
    adopt(topologyOf(3, 0, NONE, move), c)
    assert.equal(a.results.get(id), true)
    assert.equal(c.core.store.peek(slot, 'key')?.value, 'value')
  })

  it('a write that was refused by a topology which its primary never saw is answered', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    b.core.adopt(topologyOf(2, 0, NONE), 0)
    const id = a.set('key', 'value')
    const removed = a.command(CommandCode.DELETE, 'key')
    wires.step()
    wires.step()
    // The refusal is on its way.
    const next = topologyOf(3, 0, NONE, { to: 1, intent: 'backup', since: 3 })
    a.core.adopt(next, 0)
    adopt(next, b)
    assert.deepEqual([a.results.get(id), a.results.get(removed)], [true, true])
    assert.ok(a.core.ledger.isEmpty)
  })

  it('nobody learns of an eviction before the backup does', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    a.set('{key}victim', 'v')
    wires.run()
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    for (let i = 0; i < 300; i++) a.set(`{key}${i}`, 'x'.repeat(MIB / 4))
    const [read, removed] = [
      a.command(CommandCode.GET, '{key}victim'),
      a.command(CommandCode.DELETE, '{key}victim'),
    ]
    wires.run()
    assert.ok(a.core.writer.evictions > 0)
    assert.deepEqual([a.results.has(read), a.results.has(removed)], [false, false])
    a.connect(b)
    wires.run()
    assert.deepEqual([a.results.get(read), a.results.get(removed)], [null, false])
    assert.equal(b.core.store.peek(slot, '{key}victim'), undefined)
  })

  it('a write keeps the budget when what it replaces is evicted to make room for it', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    a.set('{key}old', 'x'.repeat(20 * MIB))
    for (let i = 0; i < 43; i++) a.set(`{key}${i}`, 'x'.repeat(MIB))
    a.set('{key}old', 'x'.repeat(25 * MIB))
    assert.ok(a.core.store.fill <= 1, `${a.core.store.fill}`)
    wires.run()
    assert.equal(b.core.writer.backupEvictions, 0)
  })

  it('backups keep the budget also while all that is served is parked', () => {
    const other = keySlot('other')
    const both = (version: number, transition?: Transition): Topology => {
      const topology = topologyOf(version, 0, 1)
      const [primary, backup] = [topology.primary.slice(), topology.backup.slice()]
      primary[other] = 1
      backup[other] = 0
      return {
        ...topology,
        primary,
        backup,
        transitions: transitionsOf(transition ? [[slot, transition]] : []),
      }
    }
    adopt(both(1), a, b)
    for (let i = 0; i < 40; i++) a.set(`{key}${i}`, 'x'.repeat(MIB))
    wires.run()
    adopt(both(2, { to: 1, intent: 'primary', since: 2 }), a, b)
    a.core.flush(() => 0)
    assert.equal(a.toMaster.at(-1)![0], MessageType.SLOTS_HANDED_OFF)
    for (let i = 0; i < 60; i++) b.set(`{other}${i}`, 'x'.repeat(MIB))
    wires.run()
    assert.ok(a.core.store.fill <= 1 + 1 / 16, `${a.core.store.fill}`)
    assert.equal(a.core.store.countOf(slot), 40, 'what is parked stays')
  })

  it('what is evicted right after a promotion is evicted from its copies, too', () => {
    adopt(topologyOf(1, 0, 1), a, b, c)
    for (let i = 0; i < 100; i++) a.set(`{key}${i}`, 'x'.repeat(MIB / 4))
    wires.run()
    adopt(topologyOf(2, 1, NONE, { to: 2, intent: 'backup', since: 2 }), b, c)
    // Its entries are still in the LRU of the backups; new ones drive them out.
    for (let i = 0; i < 400; i++) b.set(`{key}new ${i}`, 'x'.repeat(MIB / 4))
    wires.run()
    assert.ok(b.core.writer.evictions > 0)
    const keys = (member: Member): string[] => [...member.core.store.keysOf(slot)].sort()
    assert.deepEqual(keys(c), keys(b))
  })

  it('reads that wait for an unsafe write are bounded, and answered when it is safe', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    a.set('key', 'value')
    const frame = Array.from({ length: 10_000 }, () => [CommandCode.GET, 'key']).flat()
    const ids = Array.from({ length: 11 }, (_, i) => {
      a.core.clientData(a.client, dataOf([MessageType.COMMANDS, 1, 1, 10_000 * (i + 1), 0, 0, ...frame]), 0)
      return 10_000 * (i + 1)
    })
    wires.run()
    assert.equal(a.results.has(ids[0]!), false)
    assert.deepEqual((a.results.get(ids[10]!) as unknown[]).slice(0, 1), [-1])
    a.connect(b)
    wires.run()
    assert.equal(a.results.get(ids[0]!), 'value')
    assert.equal(a.get('key'), 'value')
  })

  it('a command that was sent before this server became the primary is not carried out', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    // A first attempt is held up on its way; its client repeats it at the next owner and writes again.
    const late = [MessageType.COMMANDS, 1, 1, 500, 1, 1, CommandCode.SET, 'key', 'first', 1, 0, 0]
    adopt(topologyOf(2, 1, 0), a, b)
    b.repeat(1, CommandCode.SET, 'key', 'first', 1, 0, 0)
    b.numbered(2, 1, CommandCode.SET, 'key', 'second', 1, 0, 0)
    wires.run()
    adopt(topologyOf(3, 0, 1), a, b)
    a.core.clientData(a.client, dataOf(late), 0)
    wires.run()
    assert.deepEqual((a.results.get(500) as unknown[]).slice(0, 2), [-1, 10])
    assert.equal(a.get('key'), 'second')
  })

  it('who is refused before anything was done is told so, and who may have written before the slot went, too', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    a.core.peerLost(b.core.id)
    a.disconnect(b)
    const [done, parked] = [a.set('key', 'value'), a.command(CommandCode.GET, 'key')]
    a.core.adopt(topologyOf(2, 1, 2), 0)
    const refused = a.set('key', 'another')
    wires.run()
    const codes = [done, parked, refused].map((id) => (a.results.get(id) as unknown[])[1])
    assert.deepEqual(codes, (['OWNER_CHANGED', 'OWNER_CHANGED', 'NOT_OWNER'] as const).map(errorToWire))
    assert.deepEqual((a.results.get(done) as unknown[]).slice(3), [1, 2], 'the version that tells who has it')
  })

  it('many small entries make room for many others', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 40_000; i++) a.set(`{key}${round} ${i}`, 'v')
      wires.run()
    }
    for (const { core } of [a, b]) assert.ok(core.store.fill <= 1, String(core.store.fill))
  })

  it('a few of the largest values make room among many small ones at once', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    for (let i = 0; i < 100_000; i++) a.set(`{key}${i}`, 'v')
    wires.run()
    for (let i = 0; i < 8; i++) {
      a.command(CommandCode.SET, `{key}large ${i}`, Buffer.alloc(16 * MIB), 0, 0, 0)
      assert.ok(a.core.store.fill <= 1, String(a.core.store.fill))
    }
    wires.run()
    for (const { core } of [a, b]) {
      assert.ok(core.store.fill <= 1, String(core.store.fill))
      assert.deepEqual([...core.store.keysOf(slot)], [...a.core.store.keysOf(slot)])
      for (const name of core.store.keysOf(slot)) assert.ok(core.store.peek(slot, name))
    }
    assert.equal(b.core.writer.backupEvictions, 0)
  })

  /** For this slot alone. */
  const owned = (version: number, primary: number, transition?: Transition): Topology => {
    const topology = topologyOf(version, 0, 1)
    const column = topology.primary.map((seat, at) => (at === slot ? primary : seat))
    return {
      ...topology,
      primary: column,
      transitions: transitionsOf(transition ? [[slot, transition]] : []),
    }
  }

  /** Copies, too. */
  const follow = (topology: Topology): void => {
    adopt(topology, a, b, c)
    for (const { core } of [a, b, c]) core.work(0)
    wires.run()
  }

  it('what a copy evicted by itself does not come back from another after it was missed', () => {
    c = new Member('c', wires, 4 * MIB)
    for (const [from, to] of [[a, c], [b, c], [c, a], [c, b]] as const) from.connect(to) // prettier-ignore
    adopt(topologyOf(1, 0, 1), a, b, c)
    for (let i = 0; i < 40; i++) a.set(`{key}${i}`, 'x'.repeat(MIB / 4))
    wires.run()
    follow(owned(2, 0, { to: 2, intent: 'primary', since: 2 }))
    assert.ok(c.core.writer.backupEvictions > 20)
    follow(owned(3, 2))
    c.core.peerLost(b.core.id)
    c.disconnect(b)
    const ids = [CommandCode.GET, CommandCode.DELETE].map((code) => c.command(code, '{key}0'))
    wires.run()
    for (const id of ids) assert.equal(c.results.has(id), false)
    c.connect(b)
    wires.run()
    assert.deepEqual(ids.map((id) => c.results.get(id)), [null, false]) // prettier-ignore
    assert.equal(b.core.store.peek(slot, '{key}0'), undefined)
    // Nor after that copy was copied on.
    follow(owned(4, 2, { to: 0, intent: 'primary', since: 4 }))
    follow(owned(5, 0))
    assert.ok(b.core.store.peek(slot, '{key}1'))
    assert.equal(a.get('{key}1'), null)
    assert.equal(b.core.store.peek(slot, '{key}1'), undefined)
    // A new backup is made from what is here.
    follow(topologyOf(6, 0, NONE, { to: 2, intent: 'backup', since: 6 }))
    const seq = a.core.slots.seq[slot]
    assert.equal(a.get('{key}2'), null)
    assert.equal(a.core.slots.seq[slot], seq)
  })

  it('refuses frames that are no commands, and serves on', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const header = [MessageType.COMMANDS, 1, 1, 1, 0, 0]
    const bad: unknown[][] = [
      ...['map', 'length', 'reverse', { toString: 1 }, NaN, -1, 1.5, null].map((code) => [
        ...header,
        code,
        'k',
      ]),
      ...[{ valueOf: 1 }, 'x', NaN, -1].map((epoch) => [MessageType.COMMANDS, epoch, 1, 1, 0, 0, 0, 'k']),
      [MessageType.COMMANDS, 1, 1, 1, 'x', 0, 0, 'k'],
      [...header, REPEAT, { toString: 1 }, 0, 'k'],
      [...header, REPEAT],
      [...header, REPEAT, 1, REPEAT, 1, 0, 'k'],
    ]
    for (const frame of bad)
      assert.throws(
        () => a.core.clientData(a.client, dataOf(frame), 0),
        { code: 'PROTOCOL', message: / must (be|have) .+, got / },
        JSON.stringify(frame),
      )
    assert.equal(a.ask(CommandCode.SET, 'key', 'value', 1, 0, 0), true)
    assert.equal(a.get('key'), 'value')
  })

  it('refuses a frame with too many commands, once as many as one may have were run', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const commands = Array.from({ length: limits.maxCommandsPerFrame + 1 }, () => [CommandCode.GET, 'k'])
    a.core.clientData(a.client, dataOf([MessageType.COMMANDS, 1, 1, 1, 0, 0, ...commands.flat()]), 0)
    wires.run()
    assert.equal(a.client.refusal?.code, 'PROTOCOL')
    assert.equal(a.core.runner.commandsRun, limits.maxCommandsPerFrame)
  })

  it('refuses batches that are none, without losing its place', () => {
    adopt(topologyOf(1, 0, 1), a, b)
    b.core.primaryConnected(a.core.id, 77, DEAF)
    const put = [0, slot, 1, 'key', 'value', 1, 0, 0]
    const operations: unknown[][] = [
      ...['length', 'map', { toString: 1 }, 99, -1].map((op) => [op, ...put.slice(1)]),
      ...['5', 1.5, -1, 16384, NaN, null].map((bad) => [0, bad, ...put.slice(2)]),
      ...['x', NaN, -1, {}].map((seq) => [0, slot, seq, ...put.slice(3)]),
      [1, slot, 1, 5, 0],
      [0, slot, 1, 'key', 'value', 1, NaN, 0],
      [0, slot, 1, 'key', {}, 1, 0, 0],
      [5, '', 1],
      [5, 'client', -1],
    ]
    const send = (version: unknown, number: unknown, ...operation: unknown[]): void =>
      b.core.primaryData(
        a.core.id,
        DEAF,
        dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 1, version, number, ...operation]),
        0,
      )
    for (const operation of operations)
      assert.throws(
        () => send(1, 1, ...operation),
        { code: 'PROTOCOL', message: / must (be|have) .+, got / },
        JSON.stringify(operation),
      )
    assert.throws(() => send({ valueOf: 1 }, 1, ...put), { code: 'PROTOCOL' })
    assert.throws(() => send(1, 'x', ...put), { code: 'PROTOCOL' })
    send(1, 1, ...put)
    assert.equal(b.core.store.peek(slot, 'key')?.value, 'value')
  })
})
