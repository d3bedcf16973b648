import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventLog } from './event-log.js'

const TIME = new Date('2026-01-01T00:00:00Z')

test('entries are numbered without gaps, also across a restart', () => {
  const log = new EventLog()
  const first = log.stamp([{ type: 'MASTER_STARTED' }, { type: 'SETTLED' }], TIME)
  log.append(first)
  const next = new EventLog()
  next.goOnFrom(log.kept([]))
  assert.deepEqual(next.stamp([{ type: 'SETTLED' }], TIME), [
    { n: 3, at: '2026-01-01T00:00:00.000Z', type: 'SETTLED' },
  ])
})

test('followers and readers see what is appended, not what is only stamped', () => {
  const log = new EventLog()
  const seen: number[] = []
  const unfollow = log.follow({ next: ({ n }) => seen.push(n), ended: () => seen.push(0) })
  const stamped = log.stamp([{ type: 'SETTLED' }], TIME)
  assert.deepEqual([log.since(0), seen], [[], []])
  log.append(stamped)
  unfollow()
  log.append(log.stamp([{ type: 'SETTLED' }], TIME))
  log.endReading()
  assert.deepEqual(seen, [1])
  assert.deepEqual(log.since(1).map(({ n }) => n), [2]) // prettier-ignore
})

test('a term goes on from what another master left: followers see what is new, never what was only stamped', () => {
  const log = new EventLog()
  const seen: number[] = []
  log.follow({ next: ({ n }) => seen.push(n), ended: () => seen.push(0) })
  log.append(log.stamp([{ type: 'MASTER_STARTED' }], TIME))
  const other = new EventLog()
  other.goOnFrom(log.kept([]))
  other.append(other.stamp([{ type: 'SETTLED' }, { type: 'SETTLED' }], TIME))
  log.stamp([{ type: 'SETTLED' }], TIME)
  log.goOnFrom(other.kept([]))
  assert.deepEqual(seen, [1, 2, 3])
  assert.equal(log.stamp([{ type: 'SETTLED' }], TIME)[0]!.n, 4)
})

test('a follower is told once that no more comes', () => {
  const log = new EventLog()
  const seen: number[] = []
  log.follow({ next: ({ n }) => seen.push(n), ended: () => seen.push(0) })
  log.endReading()
  log.endReading()
  log.append(log.stamp([{ type: 'SETTLED' }], TIME))
  assert.deepEqual(seen, [0])
})

test('the log is bounded', () => {
  const log = new EventLog()
  for (let i = 0; i < 25_000; i++) log.append(log.stamp([{ type: 'SETTLED' }], TIME))
  const kept = log.since(0)
  assert.deepEqual([kept.length, kept[0]!.n, kept.at(-1)!.n], [10_000, 15_001, 25_000])
  assert.equal(log.kept([]).length, 100)
})
