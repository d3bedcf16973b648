import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { quotaOf, settle, type Demand } from './quota.js'
import { SEED } from './scenario.test.kit.js'

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0)

function demand(counts: readonly number[], weights: readonly number[], unplaced = 0): Demand {
  const total = sum(counts) + unplaced
  return {
    counts: Int32Array.from(counts),
    shares: Float64Array.from(weights, (weight) => (total * weight) / sum(weights)),
    fixed: new Int32Array(counts.length),
    unplaced,
  }
}

function budgets(of: Demand): { give: number[]; room: number[]; open: number } {
  const { give, room } = settle(of)
  const servers = Array.from(of.counts, (_, index) => index)
  return {
    give: servers.map((server) => give.of(server)),
    room: servers.map((server) => room.of(server)),
    open: room.total - give.total,
  }
}

test('whoever is within bounds keeps what it has', () => {
  assert.deepEqual(budgets(demand([104, 97, 99], [1, 1, 1])), { give: [0, 0, 0], room: [0, 0, 0], open: 0 })
})

test('a newcomer is filled up to its share by the fullest', () => {
  assert.deepEqual(budgets(demand([110, 100, 90, 0], [1, 1, 1, 1])), {
    give: [35, 25, 15, 0],
    room: [0, 0, 0, 75],
    open: 0,
  })
})

test('what is over quota goes to the emptiest', () => {
  assert.deepEqual(budgets(demand([112, 94, 94], [1, 1, 1])), {
    give: [6, 0, 0],
    room: [0, 3, 3],
    open: 0,
  })
})

test('unplaced slots go to the emptiest, up to one level', () => {
  assert.deepEqual(budgets(demand([10, 20, 0], [1, 1, 1], 30)), {
    give: [0, 0, 0],
    room: [10, 0, 20],
    open: 30,
  })
})

test('the budget leaves ties open', () => {
  const { room } = settle(demand([0, 0, 0], [1, 1, 1], 100))
  assert.equal(room.total, 100)
  assert.deepEqual([room.of(0), room.of(1), room.of(2)], [34, 34, 34])
  for (let taken = 0; taken < 34; taken++) room.spend(1)
  assert.deepEqual([room.of(0), room.of(1), room.of(2)], [33, 0, 33])
  assert.ok(!room.allows(1))
})

test('slots that must stay are not given away', () => {
  const { give, room } = settle({ ...demand([100, 0], [1, 1]), fixed: Int32Array.of(80, 0) })
  assert.deepEqual([give.of(0), room.of(1)], [20, 50])
})

test('a server without a share gives all, and gets none', () => {
  assert.deepEqual(budgets(demand([10, 10], [1, 0])), { give: [0, 10], room: [10, 0], open: 0 })
  assert.equal(quotaOf(0), 0)
})

const demands = fc
  .array(fc.tuple(fc.nat(300), fc.constantFrom(0.25, 0.5, 1, 1, 1, 2)), { minLength: 1, maxLength: 20 })
  .chain((servers) => fc.tuple(fc.constant(servers), fc.nat(500)))
  .filter(([servers, unplaced]) => sum(servers.map(([count]) => count)) + unplaced > 0)
  .map(([servers, unplaced]) =>
    demand(
      servers.map(([count]) => count),
      servers.map(([, weight]) => weight),
      unplaced,
    ),
  )

test('as much is taken as is given or unplaced, and then all are within quota', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(demands, (of) => {
    const { give, room } = settle(of)
    assert.equal(room.total, give.total + of.unplaced)
    const counts = Array.from(of.counts)
    counts.forEach((_, server) => {
      for (; give.allows(server); counts[server]!--) give.spend(server)
      for (; room.allows(server); counts[server]!++) room.spend(server)
    })
    assert.equal(sum(counts), sum(of.counts) + of.unplaced)
    counts.forEach((count, server) => assert.ok(count <= quotaOf(of.shares[server]!), `${server}: ${count}`))
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('a join moves at most 1.05 shares, however the others stand within their quotas', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const within = fc.array(fc.double({ min: 0.95, max: 1.05, noNaN: true }), { minLength: 2, maxLength: 100 })
  const property = fc.property(within, fc.integer({ min: 30, max: 5000 }), (fill, share) => {
    const counts = fill.map((part) => Math.floor(part * share))
    const average = sum(counts) / counts.length
    fc.pre(counts.every((count) => count <= quotaOf(average)))
    const { give } = settle(demand([...counts, 0], [...counts.map(() => 1), 1]))
    assert.ok(give.total <= (1.05 * sum(counts)) / (counts.length + 1) + 1)
  })
  fc.assert(property, { seed: SEED })
})
