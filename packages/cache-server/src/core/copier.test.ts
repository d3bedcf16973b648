import { MessageType, type Intent, type Message } from '@icf/common'
import { RecordingPort } from '@icf/testkit/recording-port'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { LEAST_BYTES, MOST_BYTES } from './copy-window.js'
import { Copier, MAX_PARKED_SLOTS, PARK_INTERVAL_MS, REPORT_INTERVAL_MS, TURN_BYTES } from './copier.js'
import { Entry } from './entry.js'
import { ReplicaChannel } from './replica-channel.js'
import { Serving, SlotTable } from './slot-table.js'
import { Store } from './store.js'

const SLOTS = 512

describe('a copier', () => {
  let slots: SlotTable
  let store: Store
  let reports: Message[]
  let undrained: Set<number>
  let copier: Copier
  let channel: ReplicaChannel
  let port: RecordingPort
  let now: number
  let isAnyoneServed: boolean

  beforeEach(() => {
    now = 0
    isAnyoneServed = true
    slots = new SlotTable(SLOTS)
    slots.serving.fill(Serving.YES)
    store = new Store(64 * 1024 * 1024, SLOTS)
    reports = []
    undrained = new Set()
    copier = new Copier(slots, store, {
      toMaster: (message) => reports.push(message),
      isDrained: (slot) => !undrained.has(slot),
      isAnyoneServed: () => isAnyoneServed,
    })
    copier.masterConnected()
    channel = new ReplicaChannel('peer', 1, [], copier)
    port = new RecordingPort()
    channel.connected(port)
  })

  const fill = (slot: number, count: number): void => {
    for (let n = 1; n <= count; n++) store.put(new Entry(`${slot} ${n}`, slot, n, 'x'.repeat(20_000), 1, 0))
  }
  const begin = (slot: number, intent: Intent, since = 7): boolean =>
    copier.ensure(slot, { to: 1, intent, since }, 'peer', channel)
  /** A slot whose backup is to be its primary: nothing is copied. */
  const swap = (slot: number): boolean =>
    copier.ensure(slot, { to: 1, intent: 'primary', since: 7 }, 'peer', undefined)
  /** As many turns as there is something to do for, after so many ms: by default enough to park, and report, again. */
  const turn = (ms = PARK_INTERVAL_MS): void => {
    now += ms
    while (copier.advance(now));
    channel.elapse(now)
    channel.flush()
  }
  const acknowledge = (refused?: Set<number>): void => {
    channel.elapse(now)
    channel.acknowledge(channel.nextNumber - 1, () => undefined, refused)
  }
  const parked = (): number[] =>
    [...slots.serving.keys()].filter((slot) => slots.serving[slot] === Serving.PARKED)
  it('has a window of entries on their way, and sends each once and one slot after the other', () => {
    for (const slot of [3, 2]) {
      fill(slot, 30)
      begin(slot, 'backup')
    }
    turn()
    assert.ok(channel.fillBytesInFlight >= MOST_BYTES && channel.fillBytesInFlight < MOST_BYTES + 30_000)
    const before = port.sent.length
    turn()
    assert.equal(port.sent.length, before)
    for (let turns = 0; reports.length < 2; turns++) {
      acknowledge()
      turn()
      assert.ok(turns < 100)
    }
    const keys = port.sent.flat().filter((field) => typeof field === 'string' && /^\d+ \d+$/.test(field))
    assert.deepEqual(
      keys,
      [3, 2].flatMap((slot) => Array.from({ length: 30 }, (_, n) => `${slot} ${n + 1}`)),
    )
    assert.deepEqual(
      reports.map(([, , entries, , flat]) => [entries, flat]),
      [
        [30, [3, 7]],
        [30, [2, 7]],
      ],
    )
  })

  it('copies those first in which writes wait, from before or from now on', () => {
    for (const slot of [1, 2, 3, 4]) fill(slot, 30)
    undrained.add(3)
    for (const slot of [1, 2, 3, 4]) begin(slot, 'backup')
    turn()
    undrained.add(4)
    channel.fillBegin(4)
    for (let turns = 0; reports.length < 4; turns++) {
      acknowledge()
      turn()
      assert.ok(turns < 100)
    }
    assert.deepEqual(
      reports.map(([, , , , flat]) => flat),
      [3, 4, 1, 2].map((slot) => [slot, 7]),
    )
  })

  describe('when acknowledgements take long', () => {
    const server = serverInfo('s'.repeat(40))

    beforeEach(() => {
      slots.topology = topologyWith({ slotCount: SLOTS, servers: [server, server], primary: 0, backup: 1 })
      fill(1, 300)
      begin(1, 'backup')
      for (let turns = 0; turns < 20; turns++) {
        turn()
        now += turns === 0 ? 1 : 20
        acknowledge()
      }
    })

    it('gives way, and rests in between', () => {
      turn(1)
      assert.equal(channel.fillBytesInFlight, 0)
      turn(25)
      assert.ok(channel.fillBytesInFlight >= LEAST_BYTES && channel.fillBytesInFlight < LEAST_BYTES + 30_000)
    })

    it('does not where nobody is served', () => {
      isAnyoneServed = false
      turn(1)
      assert.ok(channel.fillBytesInFlight >= MOST_BYTES)
    })

    it('does not while some slot has no backup', () => {
      slots.topology = topologyWith({ slotCount: SLOTS, servers: [server], primary: 0 })
      turn(1)
      assert.ok(channel.fillBytesInFlight >= MOST_BYTES)
    })

    it('does not while it reaches nothing of a backup', () => {
      slots.backup[2] = new ReplicaChannel('cut off', 2, [], copier)
      slots.topology = { ...slots.topology, version: 2 }
      turn(1)
      assert.ok(channel.fillBytesInFlight >= MOST_BYTES)
    })

    it('does not while a server waits until it may go', () => {
      slots.topology = {
        ...slots.topology,
        version: 2,
        servers: [server, { ...server, id: 'l'.repeat(40), state: 'leaving' }],
      }
      turn(1)
      assert.ok(channel.fillBytesInFlight >= MOST_BYTES)
    })
  })

  it('sends little in one turn, to all servers together, and more in the next', () => {
    const others = Array.from({ length: 8 }, (_, n) => new ReplicaChannel(`peer ${n}`, n + 2, [], copier))
    others.forEach((other, slot) => {
      fill(slot, 30)
      copier.ensure(slot, { to: slot + 2, intent: 'backup', since: 7 }, other.peerId, other)
    })
    const onTheirWay = (): number => others.reduce((sum, other) => sum + other.fillBytesInFlight, 0)
    for (let before = 0, isMore = true; isMore; before = onTheirWay()) {
      isMore = copier.advance(now)
      assert.ok(onTheirWay() - before < TURN_BYTES + 30_000)
    }
    for (const other of others) assert.ok(other.fillBytesInFlight >= MOST_BYTES)
  })

  it('reports what was copied only when it is stored, all of a turn together, and again to the next master', () => {
    for (const slot of [1, 2]) begin(slot, 'backup')
    turn()
    turn()
    assert.deepEqual(reports, [])
    acknowledge()
    turn()
    const report = [MessageType.SLOTS_COPIED, 'peer', 0, 0, [1, 7, 2, 7]]
    assert.deepEqual(reports, [report])
    turn()
    copier.masterConnected()
    turn()
    assert.deepEqual(reports, [report, report])
  })

  it('says nothing of a copy that was called off, or that another one took the place of', () => {
    for (const slot of [1, 2, 3]) begin(slot, 'backup')
    turn()
    copier.cancel(1)
    assert.deepEqual([begin(2, 'backup', 8), begin(3, 'backup')], [true, false])
    acknowledge()
    turn()
    assert.deepEqual(reports.splice(0), [[MessageType.SLOTS_COPIED, 'peer', 0, 0, [3, 7]]])
    acknowledge()
    turn()
    assert.deepEqual(reports, [[MessageType.SLOTS_COPIED, 'peer', 0, 0, [2, 8]]])
  })

  it('begins anew what was refused, unless that was sent before it began, or a master was told that it is complete', () => {
    channel.mend(9, 1)
    channel.flush()
    begin(1, 'backup')
    turn()
    const first = channel.nextNumber - 1
    assert.equal(copier.refused(1, channel, first - 1), false)
    assert.equal(copier.refused(1, new ReplicaChannel('other', 2, []), first), false)
    assert.equal(copier.refused(1, channel, first), true)
    acknowledge(new Set([1]))
    turn()
    assert.deepEqual(reports, [])
    acknowledge()
    turn()
    assert.equal(reports.length, 1)
    assert.equal(copier.refused(1, channel, channel.nextNumber), false)
  })

  it('parks a bounded number of slots, the next one when a move is over', () => {
    for (let slot = 0; slot < SLOTS; slot++) swap(slot)
    turn()
    assert.deepEqual(
      parked(),
      Array.from({ length: MAX_PARKED_SLOTS }, (_, slot) => slot),
    )
    turn()
    assert.equal(parked().length, MAX_PARKED_SLOTS)
    // One that is over, and one that was not parked yet.
    for (const slot of [5, MAX_PARKED_SLOTS]) copier.cancel(slot)
    slots.serving[5] = Serving.NO
    turn()
    assert.deepEqual(parked().slice(-2), [MAX_PARKED_SLOTS - 1, MAX_PARKED_SLOTS + 1])
  })

  it('parks slots that are ready one by one only now and then, and many at once', () => {
    for (const slot of [1, 2]) {
      swap(slot)
      turn(PARK_INTERVAL_MS - 1)
    }
    assert.deepEqual(parked(), [1])
    turn(1)
    assert.deepEqual(parked(), [1, 2])
    for (let slot = 3; slot < SLOTS; slot++) swap(slot)
    turn(1)
    assert.deepEqual(parked(), [1, 2])
    for (const slot of parked()) {
      copier.cancel(slot)
      slots.serving[slot] = Serving.NO
    }
    turn(1)
    assert.equal(parked().length, MAX_PARKED_SLOTS)
  })

  it('reports copies only now and then, and along with a slot that is handed off', () => {
    const reported = (slot: number): boolean =>
      reports.some((report) => (report[4] as number[]).includes(slot))
    for (const slot of [1, 2, 3]) {
      begin(slot, 'backup')
      turn(0)
      acknowledge()
      turn(1)
    }
    assert.deepEqual([1, 2, 3].map(reported), [true, false, false])
    turn(REPORT_INTERVAL_MS)
    assert.deepEqual([1, 2, 3].map(reported), [true, true, true])
    begin(4, 'backup')
    turn(0)
    acknowledge()
    swap(5)
    turn(0)
    assert.deepEqual([4, 5].map(reported), [true, true])
  })

  it('hands a slot off only when it is drained as well', () => {
    undrained.add(1)
    for (const slot of [1, 2]) swap(slot)
    turn()
    assert.deepEqual(parked(), [1, 2])
    assert.deepEqual(reports.splice(0), [[MessageType.SLOTS_HANDED_OFF, 'peer', 0, 0, [2, 7]]])
    copier.drained(1)
    copier.drained(2)
    turn()
    assert.deepEqual(reports, [[MessageType.SLOTS_HANDED_OFF, 'peer', 0, 0, [1, 7]]])
  })

  it('serves again, when there is no master, what none was told of, and parks it for the next one', () => {
    undrained.add(1)
    for (const slot of [1, 2]) swap(slot)
    turn()
    assert.deepEqual(copier.masterLost(), [1])
    assert.deepEqual(parked(), [2])
    turn()
    assert.deepEqual(parked(), [2])
    undrained.clear()
    copier.masterConnected()
    reports.length = 0
    turn()
    assert.deepEqual(parked(), [1, 2])
    assert.deepEqual(reports.map((report) => report[4]), [[2, 7, 1, 7]]) // prettier-ignore
  })
})
