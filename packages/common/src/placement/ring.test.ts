import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SLOT_COUNT } from '../slot.js'
import { murmur3 } from './murmur3.js'
import { buildRing, pointCount } from './ring.js'
import { RING, SEED } from './scenario.test.kit.js'
import { NONE, type PlacementServer } from './types.js'

const SLOTS = [0, 1, 4095, 8192, 16382, SLOT_COUNT - 1]
const server = (id: string, weight = 1): PlacementServer => ({ id, weight, zone: '', machine: '' })

const id = fc.string({
  unit: fc.constantFrom(...Array.from('0123456789abcdef')),
  minLength: 1,
  maxLength: 40,
})

const someServers = fc
  .uniqueArray(fc.tuple(id, fc.constantFrom(0, 0.01, 0.5, 1, 2.5)), {
    selector: ([id]) => id,
    minLength: 1,
    maxLength: 12,
  })
  .map((list) => list.map(([id, weight]) => server(id, weight)))

const idsBySlot = (servers: readonly PlacementServer[], slot: number): string[] =>
  Array.from(
    buildRing(servers, { virtualNodes: 16, seed: 5 }).preference(slot),
    (index) => servers[index]!.id,
  )

test('a slot prefers every server with weight, each once', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(someServers, fc.constantFrom(...SLOTS), (servers, slot) => {
    const weighty = servers.filter(({ weight }) => weight > 0).map(({ id }) => id)
    assert.deepEqual(idsBySlot(servers, slot).sort(), weighty.sort())
  })
  fc.assert(property, { seed: SEED })
})

test('taking a server off the ring leaves the order of the others', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(someServers, fc.nat(), fc.constantFrom(...SLOTS), (servers, at, slot) => {
    const { id } = servers[at % servers.length]!
    const rest = servers.filter((other) => other.id !== id)
    assert.deepEqual(
      idsBySlot(servers, slot).filter((other) => other !== id),
      idsBySlot(rest, slot),
    )
  })
  fc.assert(property, { seed: SEED })
})

test('the order in which servers are listed does not matter', () => {
  const servers = ['a', 'b', 'c', 'd', 'e'].map((id) => server(id))
  for (const slot of SLOTS) assert.deepEqual(idsBySlot(servers, slot), idsBySlot(servers.toReversed(), slot))
})

test('servers whose points coincide come in the order of their ids', () => {
  const settings = { virtualNodes: 1, seed: 0 }
  const position = (label: string): number =>
    murmur3(new TextEncoder().encode(label), label.length, settings.seed)
  assert.equal(position('s16486#0'), position('s40335#0')) // found by trying
  for (const ids of [
    ['s16486', 's40335'],
    ['s40335', 's16486'],
  ]) {
    const servers = ids.map((id) => server(id))
    for (const slot of SLOTS) {
      const order = Array.from(buildRing(servers, settings).preference(slot), (index) => servers[index]!.id)
      assert.deepEqual(order, ['s16486', 's40335'])
    }
  }
})

for (const slotCount of [SLOT_COUNT, 64, 16])
  test(`leaders are the beginning of every preference, of ${slotCount} slots`, () => {
    const servers = Array.from({ length: 20 }, (_, i) => server(`server-${i}`, (i % 3) / 2))
    const ring = buildRing(servers, RING, slotCount)
    const { depth, row, ranked } = ring.leaders(5)
    assert.equal(depth, 5)
    assert.equal(row.length, slotCount)
    for (let slot = 0; slot < slotCount; slot += 7) {
      const start: number = row[slot]! * depth
      assert.deepEqual([...ranked.subarray(start, start + depth)], [...ring.preference(slot)].slice(0, depth))
    }
  })

test('few slots lie on the whole circle, as many do', () => {
  const servers = Array.from({ length: 5 }, (_, i) => server(`server-${i}`))
  const [few, many] = [buildRing(servers, RING, 16), buildRing(servers, RING)]
  // The middle of the slot of 16384 that begins in the middle of one of 16: 1/32768 of the circle further.
  const firstOf = (ring: typeof few, slot: number): number => ring.preference(slot).next().value!
  let alike = 0
  for (let slot = 0; slot < 16; slot++) if (firstOf(few, slot) === firstOf(many, slot * 1024 + 512)) alike++
  assert.ok(alike >= 14, `${alike} of 16`)
})

test('leaders of a small ring are all servers, of an empty one none', () => {
  const two = buildRing([server('a'), server('b')], { virtualNodes: 1, seed: 0 }).leaders(8)
  assert.equal(two.depth, 2)
  assert.ok(!two.ranked.subarray(0, 2 * (Math.max(...two.row) + 1)).includes(NONE))
  assert.equal(buildRing([], RING).leaders(8).depth, 0)
  assert.deepEqual([...buildRing([server('a', 0)], RING).preference(0)], [])
})

test('points are in proportion to weight, and at least one', () => {
  const counts = [0, 0.001, 0.5, 1, 2.5].map((weight) => pointCount(weight, { virtualNodes: 100, seed: 0 }))
  assert.deepEqual(counts, [0, 1, 50, 100, 250])
})

test('weights far from 1 make no more points than others, and keep their proportions', () => {
  const servers = Array.from({ length: 50 }, (_, i) => ({
    id: `server ${i}`,
    zone: '',
    machine: '',
    weight: i < 25 ? 1000 : 500,
  }))
  const ring = buildRing(servers, { virtualNodes: 160, seed: 0 })
  let heavy = 0
  for (let slot = 0; slot < SLOT_COUNT; slot++) if (ring.preference(slot).next().value! < 25) heavy++
  assert.ok(Math.abs(heavy / SLOT_COUNT - 2 / 3) < 0.02, String(heavy / SLOT_COUNT))
  assert.ok(ring.pointCount <= 201_000, String(ring.pointCount))
})
