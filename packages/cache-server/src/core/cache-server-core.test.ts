import {
  CommandCode,
  emptyTopology,
  MessageType,
  NONE,
  SLOT_COUNT,
  keySlot,
  type Message,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CacheServerCore } from './cache-server-core.js'
import type { ClientSession } from './client-session.js'
import type { LinkPort } from './ports.js'

/** Links in memory: what a core sends waits here until the test delivers it. */
class Wires {
  readonly queue: (() => void)[] = []

  port(deliver: (message: Message) => void): LinkPort {
    return {
      send: (message) => this.queue.push(() => deliver(message)),
      stage: (bytes, ready) => ready(bytes),
    }
  }

  run(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) next()
  }
}

class Member {
  readonly toMaster: Message[] = []
  readonly core: CacheServerCore
  readonly results = new Map<number, unknown>()
  readonly client: ClientSession
  #id = 0

  constructor(
    readonly name: string,
    private readonly wires: Wires,
  ) {
    this.core = new CacheServerCore({
      id: name.repeat(40),
      budgetBytes: 64 * 1024 * 1024,
      toMaster: (message) => this.toMaster.push(message),
      flushSoon: () => wires.queue.push(() => this.core.flush(0)),
    })
    this.core.leaseMs = 1000
    this.core.masterProvenGone(1e6, 0)
    this.client = this.core.openClient(wires.port((message) => this.#receive(message)))
  }

  command(code: number, ...args: unknown[]): number {
    const { epoch, version } = this.core.slots.topology
    this.core.clientMessage(this.client, [MessageType.COMMANDS, epoch, version, ++this.#id, code, ...args], 0)
    return this.#id
  }

  set(key: string, value: string): number {
    return this.command(CommandCode.SET, key, value, 1, 0, 0)
  }

  ask(code: number, ...args: unknown[]): unknown {
    const id = this.command(code, ...args)
    this.wires.run()
    return this.results.get(id)
  }

  get(key: string): unknown {
    return this.ask(CommandCode.GET, key)
  }

  connect(other: Member): void {
    const forward = this.wires.port((message) => other.core.primaryMessage(this.core.id, back, message, 0))
    const back = this.wires.port((message) => this.core.peerMessage(other.core.id, forward, message, 0))
    other.core.primaryConnected(this.core.id, back)
    this.core.peerConnected(other.core.id, forward, other.core.lastStoredFrom(this.core.id))
  }

  #receive(message: Message): void {
    for (let at = 1; at < message.length;) {
      const [first, count] = [message[at] as number, message[at + 1] as number]
      for (let i = 0; i < count; i++) this.results.set(first + i, message[at + 2 + i])
      at += 2 + count
    }
  }
}

describe('a cache server', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member

  beforeEach(() => {
    wires = new Wires()
    a = new Member('a', wires)
    b = new Member('b', wires)
    c = new Member('c', wires)
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
    a.core.flush(0)
    assert.equal(a.results.has(id), false)
    assert.equal(b.core.store.peek(keySlot('key'), 'key'), undefined)
    wires.run()
    assert.equal(a.results.get(id), true)
    assert.equal(b.core.store.peek(keySlot('key'), 'key')?.value, 'value')
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
    b.core.clientMessage(b.client, [MessageType.COMMANDS, 1, 2, 900, CommandCode.GET, 'key'], 0)
    wires.run()
    assert.equal(b.results.has(900), false)
    adopt(topologyOf(2, 1, NONE), b)
    assert.equal(b.results.get(900), null)
  })

  it('serves nothing without a lease, and goes on when it is renewed', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const id = 77
    a.core.clientMessage(a.client, [MessageType.COMMANDS, 1, 1, id, CommandCode.HAS, 'key'], 2e6)
    wires.run()
    assert.equal(a.results.has(id), false)
    a.core.masterProvenGone(2e6, 2e6)
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
    assert.deepEqual((a.results.get(id) as unknown[]).slice(0, 2), [-1, 10])
    assert.equal(b.get('key'), null)
  })

  it('stores nothing from a replaced primary, though it is the backup as before', () => {
    adopt(topologyOf(1, 0, 2), ...all())
    adopt(topologyOf(2, 1, 2), b, c)
    const id = a.set('key', 'lost')
    wires.run()
    assert.deepEqual((a.results.get(id) as unknown[]).slice(0, 2), [-1, 10])
    assert.equal(c.core.store.peek(keySlot('key'), 'key'), undefined)
  })

  it('hands a slot to a new primary: copied, parked, drained, committed', () => {
    adopt(topologyOf(1, 0, 1), ...all())
    a.ask(CommandCode.SET, 'key', 'value', 1, 0, 0)
    const move = { to: 2, intent: 'primary', since: 2 } as const
    const topology = topologyOf(2, 0, 1)
    const slot = keySlot('key')
    adopt({ ...topology, transitions: new Map([[slot, move]]) }, ...all())
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

  it('refuses bad arguments without disturbing the commands beside them', () => {
    adopt(topologyOf(1, 0, NONE), a)
    const frame = [
      MessageType.COMMANDS,
      1,
      1,
      1,
      CommandCode.SET,
      'k',
      5,
      0,
      0,
      0,
      CommandCode.SET,
      'k',
      'v',
      1,
      -1,
      0,
    ]
    frame.push(CommandCode.GET, '', CommandCode.GET, 'x'.repeat(5000), CommandCode.HAS, 'k')
    a.core.clientMessage(a.client, frame, 0)
    wires.run()
    const codes = [1, 2, 3, 4].map((id) => (a.results.get(id) as unknown[])[1])
    assert.deepEqual(codes, [3, 1, 2, 2])
    assert.equal(a.results.get(5), false)
    assert.throws(() => a.core.clientMessage(a.client, [MessageType.COMMANDS, 1, 1, 1, 99, 'k'], 0), {
      code: 'PROTOCOL',
    })
  })
})

function topologyOf(
  version: number,
  primary: number,
  backup: number,
  transition?: { to: number; intent: 'backup' | 'primary'; since: number },
): Topology {
  const servers = ['a', 'b', 'c'].map((name): ServerInfo => ({
    id: name.repeat(40),
    host: 'h',
    port: 1,
    respPort: 0,
    zone: '',
    weight: 1,
    state: 'active',
  }))
  const transitions = new Map(
    transition ? Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, transition]) : [],
  )
  const empty = emptyTopology({ virtualNodes: 1, seed: 1 })
  return {
    ...empty,
    epoch: 1,
    version,
    servers,
    primary: new Uint16Array(SLOT_COUNT).fill(primary),
    backup: new Uint16Array(SLOT_COUNT).fill(backup),
    transitions,
  }
}
