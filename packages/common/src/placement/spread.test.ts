import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildFleet, type Fleet } from './fleet.js'
import { RING } from './scenario.test.kit.js'
import { backupShares, evenSpread } from './spread.js'

function fleet(...servers: readonly (readonly [weight: number, zone?: string])[]): Fleet {
  return buildFleet(
    servers.map(([weight, zone = ''], index) => ({ id: `server-${index}`, weight, zone, machine: '' })),
    RING,
    16,
  )
}

const rounded = (values: Float64Array): number[] => Array.from(values, (value) => Math.round(value))

test('equal servers share backups, and the backups of each, equally', () => {
  const four = fleet([1], [1], [1], [1])
  const primaries = Float64Array.of(300, 300, 300, 300)
  assert.deepEqual(rounded(backupShares(four, primaries)), [300, 300, 300, 300])
  const { expected } = evenSpread(four, primaries, primaries)
  assert.equal(Math.round(expected(0, 1)), 100)
  assert.equal(expected(2, 2), 0)
})

test('rows sum up to the primaries, columns to the backups', () => {
  const five = fleet([1, 'a'], [2, 'a'], [1, 'b'], [2, 'c'], [1])
  const primaries = Float64Array.of(100, 210, 90, 200, 100)
  const backups = backupShares(five, primaries)
  const { expected } = evenSpread(five, primaries, backups)
  for (let i = 0; i < 5; i++) {
    let row = 0
    let column = 0
    for (let j = 0; j < 5; j++) {
      row += expected(i, j)
      column += expected(j, i)
    }
    assert.ok(Math.abs(row - primaries[i]!) < 1, `row ${i}: ${row}`)
    assert.ok(Math.abs(column - backups[i]!) < 1, `column ${i}: ${column}`)
  }
  assert.equal(expected(0, 1), 0)
})

test('the backups of a zone with more than half the weight fill the others evenly', () => {
  const lopsided = fleet([3, 'a'], [3, 'a'], [1, 'b'], [1, 'c'])
  const primaries = Float64Array.of(300, 300, 100, 100)
  assert.deepEqual(rounded(backupShares(lopsided, primaries)), [100, 100, 300, 300])
})

test('the backups of a server with more than half the weight fill the others evenly', () => {
  assert.deepEqual(
    rounded(backupShares(fleet([8], [1], [1]), Float64Array.of(800, 100, 100))),
    [200, 400, 400],
  )
})

test('a server alone holds no backups', () => {
  assert.deepEqual(rounded(backupShares(fleet([1]), Float64Array.of(100))), [0])
  assert.deepEqual(rounded(backupShares(fleet([1], [0]), Float64Array.of(100, 0))), [0, 0])
})
