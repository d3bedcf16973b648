import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areApart, buildFleet, isActive } from './fleet.js'
import { RING } from './scenario.test.kit.js'
import { NONE } from './types.js'

/** Of servers, each a zone or zone/machine. */
const fleet = (...zones: readonly string[]): ReturnType<typeof buildFleet> =>
  buildFleet(
    zones.map((zone, index) => {
      const [name = '', machine = ''] = zone.split('/')
      return { id: `server-${index}`, weight: name === 'leaving' ? 0 : 1, zone: name, machine }
    }),
    RING,
    16,
  )

test('two servers of one zone must not hold both copies', () => {
  const zoned = fleet('a', 'a', 'b')
  assert.ok(!areApart(zoned, 0, 1))
  assert.ok(areApart(zoned, 0, 2))
})

test('a server never holds both copies', () => {
  assert.ok(!areApart(fleet('', ''), 1, 1))
})

test('with all the weight in one zone, any other server will do', () => {
  assert.ok(areApart(fleet('a', 'a'), 0, 1))
  assert.ok(areApart(fleet('a', 'a', 'leaving'), 0, 1))
})

test('a server that names no zone may stand beside any other', () => {
  const mixed = fleet('a', '', '', 'a')
  assert.ok(areApart(mixed, 0, 1))
  assert.ok(areApart(mixed, 1, 2))
  assert.ok(!areApart(mixed, 0, 3))
})

test('two servers of one machine must not hold both copies, unless there is only one machine', () => {
  const two = fleet('/m', '/m', '/n')
  assert.ok(!areApart(two, 0, 1))
  assert.ok(areApart(two, 0, 2))
  assert.ok(areApart(fleet('/m', '/m'), 0, 1))
  assert.ok(areApart(fleet('/m', '/m', 'leaving/n'), 0, 1))
})

test('zones are kept apart while none has nearly all the weight; then machines are', () => {
  const even = fleet('a/m', 'a/n', 'b/o')
  assert.ok(!areApart(even, 0, 1))
  const lopsided = fleet('a/m', 'a/m', 'a/n', 'a/n', 'b/o')
  assert.ok(areApart(lopsided, 0, 2))
  assert.ok(!areApart(lopsided, 0, 1))
})

test('a machine whose servers name different zones holds one copy only', () => {
  const crossed = fleet('a/m', 'b/m', 'a/n', 'c/o')
  assert.ok(!areApart(crossed, 0, 1), 'on one machine')
  assert.ok(!areApart(crossed, 1, 2), 'b dies with m, and m with a')
  assert.ok(areApart(crossed, 0, 3))
})

test('when zones and machines together leave one group, machines are kept apart', () => {
  const crossed = fleet('a/m', 'b/m', 'a/n')
  assert.ok(!areApart(crossed, 0, 1))
  assert.ok(areApart(crossed, 1, 2))
})

test('zones are kept apart on a single machine, too', () => {
  const single = fleet('a/m', 'b/m', 'a/m')
  assert.ok(areApart(single, 0, 1))
  assert.ok(!areApart(single, 0, 2))
})

test('a server is active when it exists and has weight', () => {
  const some = fleet('a', 'leaving')
  assert.deepEqual(
    [0, 1, 2, NONE].map((server) => isActive(some, server)),
    [true, false, false, false],
  )
})
