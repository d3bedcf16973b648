import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MendLog } from './mend-log.js'

test('warns once of what happens at once, naming a few slots, and counts what it passed over', () => {
  let now = 5000
  const lines: unknown[] = []
  const log = new MendLog({ now: () => now }, { warn: (fields: unknown) => void lines.push(fields) })
  const many = Array.from({ length: 500 }, (_, slot) => slot)
  log.mending('a', many)
  log.mending('b', [7, 8])
  log.mending('a', [9])
  now += 1000
  log.mending('b', [7])
  log.mending('b', [8])
  assert.deepEqual(lines, [
    { server: 'a', count: 500, slots: many.slice(0, 10), passedOver: 0 },
    { server: 'b', count: 1, slots: [7], passedOver: 3 },
  ])
})
