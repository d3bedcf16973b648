// A long SET whose value is on its way to the copies holds nobody up, and is carried out as any other.
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CommandCode, errorToWire, limits, MessageType, NONE, type Topology } from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import type { Wires } from '@icf/testkit/wires'
import { LEASE_MS, type Member, renewLease, threeMembers, topologyOf } from './members.test.kit.js'

const LONG = Buffer.alloc(limits.chunkBytes + 1, 'long')
const OTHER = Buffer.alloc(limits.chunkBytes + 1, 'other')

describe('a long write', () => {
  let wires: Wires
  let a: Member
  let b: Member
  let c: Member
  let slow: (() => void)[]

  beforeEach(() => {
    ;({ wires, a, b, c } = threeMembers())
    for (const one of [a, b, c]) for (const other of [a, b, c]) if (one !== other) one.connect(other)
    adopt(topologyOf(1, 0, 1), a, b, c)
    wires.run()
    wires.slow = slow = []
  })

  const adopt = (topology: Topology, ...members: Member[]): void => {
    for (const { core } of members) core.adopt(topology, 0)
  }
  /** The next value that is on its way has come. */
  const arrive = (): void => {
    slow.shift()!()
    wires.run()
  }
  const setLong = (member: Member, key: string, value = LONG, ...options: number[]): number => {
    const args = options.length > 0 ? options : [0, 0]
    // As a link gives it: no two are the same object.
    const id = member.command(CommandCode.SET, key, Buffer.from(value), 0, ...args)
    wires.run()
    return id
  }
  /** What a server has of the key. */
  const stored = ({ core }: Member, key: string): unknown => {
    for (let slot = 0; slot < core.slots.count; slot++) {
      const entry = core.store.peek(slot, key)
      if (entry) return entry.value
    }
    return undefined
  }
  const codeOf = (member: Member, id: number): unknown => (member.results.get(id) as unknown[])[1]

  it('lets others pass while its value is on its way, and is answered when the backup has it', () => {
    const long = setLong(a, 'long')
    const small = Array.from({ length: 20 }, (_, i) => a.set(`small ${i}`, 'v'))
    wires.run()
    for (const id of small) assert.equal(a.results.get(id), true)
    assert.equal(a.get('small 7'), 'v')
    assert.equal(a.results.has(long), false)
    arrive()
    assert.equal(a.results.get(long), true)
    assert.deepEqual(stored(b, 'long'), LONG)
    assert.equal(slow.length, 0, 'it went once')
  })

  it('goes one after the other, and nobody waits for the second either', () => {
    const [first, second] = [setLong(a, 'first'), setLong(a, 'second')]
    assert.equal(slow.length, 1)
    arrive()
    assert.deepEqual([a.results.get(first), a.results.has(second)], [true, false])
    a.set('small', 'v')
    assert.equal(a.get('small'), 'v')
    arrive()
    assert.equal(a.results.get(second), true)
  })

  it('comes before what its client wants of the same key after it', () => {
    a.set('key', 'before')
    wires.run()
    setLong(a, 'key')
    const read = a.command(CommandCode.GET, 'key')
    const removal = a.command(CommandCode.DELETE, 'key')
    const last = setLong(a, 'key', OTHER)
    assert.deepEqual([read, removal, last].map((id) => a.results.has(id)), [false, false, false]) // prettier-ignore
    arrive()
    wires.slow = undefined
    while (slow.length > 0) arrive()
    assert.deepEqual(a.results.get(read), [0, LONG])
    assert.deepEqual([removal, last].map((id) => a.results.get(id)), [true, true]) // prettier-ignore
    for (const member of [a, b]) assert.deepEqual(stored(member, 'key'), OTHER)
  })

  it('is not seen by others before the backup has it', () => {
    a.set('key', 'before')
    wires.run()
    setLong(a, 'key')
    const other = a.core.openClient(wires.port({ message: () => undefined, data: () => undefined }), 'other')
    a.core.clientData(other, dataOf([MessageType.COMMANDS, 1, 1, 1, 0, 0, CommandCode.DELETE, 'key']), 0)
    wires.run()
    assert.equal(stored(b, 'key'), undefined)
    arrive()
    assert.deepEqual(stored(b, 'key'), LONG)
  })

  it('is carried out once when it is repeated while it waits', () => {
    const first = setLong(a, 'key')
    const again = a.repeat(1, CommandCode.SET, 'key', Buffer.from(LONG), 0, 0, 0)
    assert.equal(again, undefined)
    const removal = a.numbered(2, 0, CommandCode.DELETE, 'key')
    const late = a.numbered(0, 0, 127, 1, CommandCode.SET, 'key', Buffer.from(LONG), 0, 0, 0)
    wires.run()
    arrive()
    assert.deepEqual([first, removal, late].map((id) => a.results.get(id)), [true, true, true]) // prettier-ignore
    for (const member of [a, b]) assert.equal(stored(member, 'key'), undefined)
    assert.equal(slow.length, 0)
  })

  it('is not carried out when its client has gone meanwhile, or given it up', () => {
    setLong(a, 'given up')
    setLong(a, 'of one that went')
    a.numbered(2, 2, CommandCode.GET, 'settled')
    a.core.clientData(a.client, dataOf([MessageType.COMMANDS, 1, 1, 900, 2, 2, CommandCode.GET, 'x']), 0)
    wires.run()
    a.core.clientLost(a.client)
    const next = new Client(a, wires)
    next.set('key', LONG)
    while (slow.length > 0) arrive()
    for (const key of ['given up', 'of one that went']) assert.equal(stored(a, key), undefined)
    assert.deepEqual(stored(b, 'key'), LONG)
    assert.equal(a.core.runner.longWrites.bytes, 0)
  })

  it('goes to both copies while one is being made, and what comes after it there is not torn', () => {
    adopt(topologyOf(2, 0, 1, { to: 2, intent: 'backup', since: 2 }), a, b, c)
    const long = setLong(a, 'key')
    arrive()
    assert.equal(a.results.has(long), false)
    a.set('small', 'v')
    assert.equal(a.get('small'), 'v')
    arrive()
    assert.equal(a.results.get(long), true)
    for (const member of [b, c]) assert.deepEqual(stored(member, 'key'), LONG)
  })

  it('goes to the copies that its slot has when it is carried out', () => {
    const long = setLong(a, 'key')
    adopt(topologyOf(2, 0, 2), a, b, c)
    wires.run()
    arrive()
    assert.equal(a.results.has(long), false)
    arrive()
    assert.equal(a.results.get(long), true)
    assert.deepEqual(stored(c, 'key'), LONG)
    setLong(a, 'another')
    assert.equal(slow.length, 1)
  })

  it('is left to the next owner when its slot goes away', () => {
    const long = setLong(a, 'key')
    const small = a.command(CommandCode.GET, 'key')
    adopt(topologyOf(2, 1, 2), a, b, c)
    wires.run()
    assert.deepEqual([long, small].map((id) => codeOf(a, id)), Array(2).fill(errorToWire('NOT_OWNER'))) // prettier-ignore
    arrive()
    assert.equal(stored(a, 'key'), undefined)
  })

  it('waits for the lease that is over when its value has come', () => {
    const long = setLong(a, 'key')
    slow.shift()!()
    a.core.flush(() => 2 * LEASE_MS)
    assert.equal(a.results.has(long), false)
    assert.equal(stored(a, 'key'), undefined)
    renewLease(a.core, 2 * LEASE_MS)
    wires.run()
    while (slow.length > 0) arrive()
    assert.equal(a.results.get(long), true)
    assert.deepEqual(stored(b, 'key'), LONG)
  })

  it('goes once more over a new link, without holding others up when it had not come', () => {
    const long = setLong(a, 'key')
    a.disconnect(b)
    a.core.peerLost(b.core.id)
    wires.run()
    a.connect(b)
    wires.run()
    arrive()
    a.set('small', 'v')
    assert.equal(a.get('small'), 'v')
    assert.equal(a.results.has(long), false)
    arrive()
    assert.equal(a.results.get(long), true)
    assert.deepEqual(stored(b, 'key'), LONG)
  })

  it('that asks for one copy alone waits for no server that there is no link to', () => {
    a.disconnect(b)
    a.core.peerLost(b.core.id)
    const long = setLong(a, 'key', LONG, 0, 1)
    assert.equal(a.results.get(long), true)
  })

  it('makes room before it is carried out, and is not counted twice', () => {
    const before = a.core.store.reservedBytes
    setLong(a, 'key')
    assert.equal(a.core.store.reservedBytes, before + LONG.length)
    arrive()
    assert.equal(a.core.store.reservedBytes, before)
  })

  it('that was there before is copied while live writes pass it', () => {
    wires.slow = undefined
    setLong(a, 'key')
    setLong(a, 'removed')
    wires.slow = slow
    adopt(topologyOf(2, 0, 1, { to: 2, intent: 'backup', since: 2 }), a, b, c)
    wires.run()
    assert.equal(slow.length, 1)
    a.set('small', 'v')
    assert.equal(a.get('small'), 'v')
    for (const key of ['key', 'removed']) assert.equal(stored(c, key), undefined)
    arrive()
    assert.equal(slow.length, 1)
    a.ask(CommandCode.DELETE, 'removed')
    arrive()
    assert.deepEqual(stored(c, 'key'), LONG)
    assert.equal(stored(c, 'removed'), undefined)
    a.set('more', 'v')
    assert.equal(a.get('more'), 'v')
  })

  it('waits for nobody where there is no copy', () => {
    adopt(topologyOf(2, 0, NONE), a, b, c)
    const long = setLong(a, 'key')
    assert.equal(a.results.get(long), true)
  })
})

/** Another client of a server. */
class Client {
  readonly #session

  constructor(
    private readonly member: Member,
    wires: Wires,
  ) {
    this.#session = member.core.openClient(
      wires.port({ message: () => undefined, data: () => undefined }),
      'another',
    )
  }

  set(key: string, value: Buffer): void {
    const command = [CommandCode.SET, key, Buffer.from(value), 0, 0, 0]
    this.member.core.clientData(this.#session, dataOf([MessageType.COMMANDS, 1, 1, 1, 1, 0, ...command]), 0)
  }
}
