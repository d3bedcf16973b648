// Clusters of fewer slots than 16384, in which many keys share a slot that is on the move.
import { encodeTopology, keySlot, MessageType, ReplicaOp, type Topology, type Transition } from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { topologyWith } from '@icf/testkit/topologies'
import fc from 'fast-check'
import { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PARK_INTERVAL_MS } from './copier.js'
import { DEAF, Member, serverOf } from './members.test.kit.js'

const NAMES = ['a', 'b', 'c', 'd', 'e']
const SLOTS = 16
const KEYS = 60

type Step =
  | { do: 'write'; key: number }
  | { do: 'begin'; slot: number; to: number; intent: Transition['intent'] }
  | { do: 'commit' }

/** Five servers that share the slots out, and what a master does with one slot at a time. */
class Cluster {
  readonly wires = new Wires()
  readonly members = NAMES.map((name) => new Member(name, this.wires, undefined, SLOTS))
  readonly written = new Map<string, string>()
  topology: Topology
  #writes = 0

  constructor() {
    for (const one of this.members) for (const other of this.members) if (one !== other) one.connect(other)
    this.topology = topologyWith({
      slotCount: SLOTS,
      servers: NAMES.map(serverOf),
      primary: (slot) => slot % 5,
      backup: (slot) => (slot + 1) % 5,
    })
    this.#publish({})
  }

  run(step: Step): void {
    if (step.do === 'write') this.write(`key ${step.key}`)
    else if (step.do === 'begin') this.begin(step.slot, { ...step, since: this.topology.version + 1 })
    else this.commit()
  }

  write(key: string): void {
    const value = `value ${++this.#writes}`
    const owner = this.#ownerOf(key)
    const id = owner.set(key, value)
    this.wires.run()
    // The slot is parked: what waits is told who owns it as soon as that is decided.
    if (!owner.results.has(id)) this.commit()
    const result = owner.results.get(id)
    if (Array.isArray(result)) {
      assert.deepEqual(result.slice(0, 2), [-1, 10])
      return this.write(key)
    }
    assert.equal(owner.results.has(id), true)
    this.written.set(key, value)
  }

  begin(slot: number, { to, intent, since }: Transition): void {
    const { primary, backup, transitions } = this.topology
    if (transitions.has(slot) || primary[slot] === to || (intent === 'backup' && backup[slot] === to)) return
    const next = transitions.copy()
    next.set(slot, { to, intent, since })
    this.#publish({ transitions: next })
  }

  /** What is copied is reported, and takes effect. */
  commit(): void {
    for (const member of this.members) member.pass(PARK_INTERVAL_MS)
    this.wires.run()
    const [primary, backup] = [this.topology.primary.slice(), this.topology.backup.slice()]
    const transitions = this.topology.transitions.copy()
    for (const [seat, { toMaster }] of this.members.entries())
      for (const [type, , , , flat] of toMaster.splice(0)) {
        if (type !== MessageType.SLOTS_COPIED && type !== MessageType.SLOTS_HANDED_OFF) continue
        for (let i = 0; i < (flat as number[]).length; i += 2) {
          const [slot, since] = (flat as number[]).slice(i, i + 2) as [number, number]
          const transition = transitions.get(slot)
          if (transition?.since !== since) continue
          transitions.delete(slot)
          if (transition.intent === 'backup') backup[slot] = transition.to
          else {
            if (backup[slot] === transition.to) backup[slot] = seat
            primary[slot] = transition.to
          }
        }
      }
    this.#publish({ primary, backup, transitions })
  }

  /** Every write is on both of its copies, and on no other server. */
  check(): void {
    const { primary, backup, transitions } = this.topology
    assert.equal(transitions.size, 0)
    for (const [key, value] of this.written) {
      const slot = keySlot(key, SLOTS)
      assert.equal(this.#ownerOf(key).get(key), value)
      for (const [seat, { core }] of this.members.entries()) {
        const isCopy = seat === primary[slot] || seat === backup[slot]
        assert.equal(core.store.peek(slot, key)?.value, isCopy ? value : undefined)
      }
    }
  }

  #ownerOf(key: string): Member {
    return this.members[this.topology.primary[keySlot(key, SLOTS)]!]!
  }

  #publish(change: Partial<Topology>): void {
    this.topology = { ...this.topology, ...change, version: this.topology.version + 1 }
    for (const { core } of this.members) {
      core.adopt(this.topology, 0)
      core.flush(() => 0)
      core.work(0)
    }
    this.wires.run()
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), key: fc.nat(KEYS - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      slot: fc.nat(SLOTS - 1),
      to: fc.nat(NAMES.length - 1),
      intent: fc.constantFrom('backup' as const, 'primary' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'commit' as const }) },
)

describe('sixteen slots on five servers', () => {
  it('lose nothing and leave nothing behind, however they move while they are written', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
        const cluster = new Cluster()
        for (let key = 0; key < KEYS; key += 2) cluster.write(`key ${key}`)
        for (const one of steps) cluster.run(one)
        cluster.commit()
        cluster.check()
      }),
      { numRuns: 60 },
    )
  })

  it('refuse a slot, or a topology, that they can not have', () => {
    const {
      members: [a],
      topology,
    } = new Cluster()
    const { core } = a!
    const sender = 'b'.repeat(40)
    core.primaryConnected(sender, 9, DEAF)
    const { epoch, version } = topology
    const put = [ReplicaOp.PUT, SLOTS, 1, 'key', 'value', 1, 0, 0]
    const batch = [MessageType.KEY_VALUE_RESPONCE_BACK, epoch, version, 1, ...put]
    assert.throws(() => core.primaryData(sender, DEAF, dataOf(batch), 0), { code: 'PROTOCOL' })
    const other = topologyWith({ slotCount: 64, epoch: 2, version: 99 })
    const update = [MessageType.DISTRIBUTION_RESPOND, encodeTopology(other), []]
    assert.throws(() => core.masterMessage(DEAF, update, 0), { code: 'PROTOCOL' })
    assert.equal(core.slots.topology, topology)
  })

  it('let the only server of a cluster serve every key', () => {
    const wires = new Wires()
    const member = new Member('a', wires, undefined, SLOTS)
    member.core.adopt(topologyWith({ slotCount: SLOTS, servers: [serverOf('a')], primary: 0 }), 0)
    for (let i = 0; i < 200; i++) member.set(`key ${i}`, `value ${i}`)
    for (let i = 0; i < 200; i++) assert.equal(member.get(`key ${i}`), `value ${i}`)
    const { store } = member.core
    assert.ok(Array.from({ length: SLOTS }, (_, slot) => store.countOf(slot)).every((count) => count > 0))
  })
})
