import assert from 'node:assert/strict'
import {
  MessageType,
  NONE,
  readAuditSlots,
  slotsAuditedMessage,
  type Differences,
  type SlotsToAudit,
} from '@icf/common'
import { beforeEach, describe, it } from 'node:test'
import { Harness, type FakeServer } from './harness.test.kit.js'

const SLOTS = 512

describe('an audit', () => {
  let harness: Harness
  let servers: FakeServer[]

  beforeEach(() => {
    cluster(true, true, true)
  })

  /** At rest. @param able which servers know audits */
  const cluster = (...able: readonly boolean[]): void => {
    harness = new Harness({ slotCount: SLOTS })
    servers = able.map((canCompare) => harness.join(undefined, { canCompare }))
    harness.settle()
  }

  const status = () => harness.core.audit(harness.now)!
  const begin = (until?: number) => harness.step({ type: 'audit', ...(until !== undefined && { until }) })

  /** What the server is asked to compare, and has not answered yet. */
  const orderOf = (server: FakeServer): SlotsToAudit | undefined => {
    const at = server.inbox.findLastIndex(([type]) => type === MessageType.AUDIT_SLOTS)
    if (at < 0) return undefined
    return readAuditSlots(server.inbox.splice(at, 1)[0]!, harness.topology.primary.length)
  }

  const answer = (server: FakeServer, found: Partial<Differences> = {}, isCompared = true): boolean => {
    const order = orderOf(server)
    if (!order) return false
    const none = { missing: 0, extra: 0, different: 0, unmended: 0 }
    harness.say(
      server,
      slotsAuditedMessage({ ...order, slots: isCompared ? order.slots : [], ...none, ...found }),
    )
    return true
  }

  const finish = (of = servers): void => {
    for (let turns = 0; status().running; turns++) {
      assert.ok(turns < 5000, 'it does not end')
      if (!of.map((server) => answer(server)).includes(true)) harness.pass(25)
    }
    harness.pass(100)
  }

  const finishAllBut = (waiting: FakeServer): void => {
    const others = servers.filter((server) => server !== waiting)
    while (others.map((server) => answer(server)).includes(true));
  }

  it('has each primary compare its slots, a few at a time, and says what was found', () => {
    begin()
    for (const server of servers) {
      const { slots } = orderOf(server)!
      assert.equal(slots.length, 64)
      assert.ok(slots.every((slot) => harness.topology.primary[slot] === server.seat))
      assert.equal(orderOf(server), undefined)
    }
    for (const server of servers) harness.loseLink(server)
    for (const server of servers) harness.join(server)
    harness.pass(100)
    answer(servers[0]!, { missing: 1, extra: 2, different: 3, unmended: 4 })
    finish()
    const { compared, slots, missing, extra, different, unmended } = status()
    assert.deepEqual([compared, slots], [SLOTS, SLOTS])
    assert.deepEqual([missing, extra, different, unmended], [1, 2, 3, 4])
    const event = harness.events.find(({ type }) => type === 'AUDITED')
    assert.equal(event?.reason, '1 missing, 2 extra, 3 different, 4 not mended')
    assert.equal(event?.slots, SLOTS)
  })

  it('is made once when it is asked for while it runs', () => {
    begin()
    begin()
    finish()
    assert.equal(status().round, 1)
    begin()
    assert.equal(status().round, 2)
  })

  it('asks again for what could not be compared, and the server that has it by then', () => {
    begin()
    answer(servers[0]!, {}, false)
    harness.kill(servers[0]!)
    harness.settle()
    finish(servers.slice(1))
    assert.equal(status().compared, SLOTS)
  })

  it('waits for a server whose link breaks for a moment when all others are done', () => {
    begin()
    finishAllBut(servers[0]!)
    harness.loseLink(servers[0]!)
    harness.pass(50)
    assert.ok(status().running)
    harness.join(servers[0]!)
    finish()
    assert.equal(status().compared, SLOTS)
  })

  it('does not wait for ever for servers that have been asked, say nothing any more, and have what nobody else has', () => {
    begin()
    const last = servers[2]!
    const isHeard = (server: FakeServer): boolean => server === last
    harness.pass(5000, isHeard)
    assert.ok(status().running)
    for (let turn = 0; turn < 30; turn++) {
      while (answer(last));
      harness.pass(1000, isHeard)
    }
    assert.equal(status().running, false)
    const { compared } = status()
    answer(servers[0]!, { missing: 1 })
    assert.deepEqual([status().compared, status().missing], [compared, 0])
  })

  it('ends without slots that can not be compared', () => {
    cluster(true, false)
    begin()
    finish()
    const ofOld = harness.topology.primary.filter((seat) => seat === servers[1]!.seat).length
    assert.equal(status().compared, SLOTS - ofOld)
    assert.equal(harness.events.at(-1)?.reason, `${ofOld} slots not compared`)
    assert.equal(orderOf(servers[1]!), undefined)
  })

  it('ends at once where there are no backups', () => {
    cluster(true)
    begin()
    assert.deepEqual([status().running, status().compared], [false, 0])
    assert.ok(harness.topology.backup.every((seat) => seat === NONE))
  })

  it('is of a later epoch than those before, also when the state was lost and the clock is behind', () => {
    const { topology } = harness
    const { epoch } = topology
    begin()
    assert.equal(orderOf(servers[0]!)!.epoch, epoch)
    harness.persisted = undefined
    harness.options = { ...harness.options, returnWindowMs: 500 }
    harness.restart(1)
    for (const server of servers) {
      harness.join(server)
      harness.tellTopology(server, topology)
    }
    harness.pass(600)
    begin()
    const order = orderOf(servers[0]!)!
    assert.ok(order.epoch > epoch)
    assert.equal(order.epoch, harness.topology.epoch)
  })

  it('takes nothing that was asked by an earlier term', () => {
    begin()
    const order = orderOf(servers[0]!)!
    harness.restart()
    for (const server of servers) harness.join(server)
    const none = { missing: 9, extra: 0, different: 0, unmended: 0 }
    harness.say(servers[0]!, slotsAuditedMessage({ ...order, ...none }))
    begin()
    harness.say(servers[0]!, slotsAuditedMessage({ ...order, ...none }))
    assert.deepEqual([status().compared, status().missing], [0, 0])
  })

  it('of the schedule is done once it has ended, and not before, also for the next term', () => {
    begin(5000)
    assert.equal(harness.core.auditedUntil, undefined)
    finish()
    assert.equal(harness.core.auditedUntil, 5000)
    begin(6000)
    harness.restart()
    assert.equal(harness.core.auditedUntil, 5000)
  })
})
