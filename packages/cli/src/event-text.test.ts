import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoggedEvent } from '@icf/common'
import { eventLine } from './event-text.js'
import { styleFor } from './style.js'

const line = (entry: Omit<LoggedEvent, 'n' | 'at'>): string =>
  // The clock time is local.
  eventLine({ n: 1, at: '2026-01-02T03:04:05.006Z', ...entry }, styleFor({})).replace(
    /^2026-01-0\d \d\d:\d\d:05\.006 {2}/,
    '',
  )

test('the date is told, in local time', () => {
  const at = new Date(2026, 6, 9, 1, 2, 3, 45)
  const entry = { n: 1, at: at.toISOString(), type: 'SETTLED' as const }
  assert.match(eventLine(entry, styleFor({})), /^2026-07-09 01:02:03\.045 {2}SETTLED/)
  assert.match(eventLine({ ...entry, at: 'soon' }, styleFor({})), /^soon {2}SETTLED/)
})

test('events are sentences', () => {
  const cases: [Omit<LoggedEvent, 'n' | 'at'>, string][] = [
    [{ type: 'SETTLED' }, 'SETTLED           everything is in its place'],
    [{ type: 'ADD_CACHE_SERVER', address: 'a:1', server: 'x' }, 'ADD_CACHE_SERVER  a:1 joined'],
    [
      { type: 'REFLESH_IP', address: 'a:1', reason: 'process gone', slots: 5462, ms: 147 },
      'REFLESH_IP        a:1 died (process gone) · 5,462 slots · after 147 ms',
    ],
    [
      { type: 'MOVED', slots: 1, entries: 1, bytes: 2048, ms: 2500 },
      'MOVED             moved · 1 slot · 1 key · 2 KB · after 2.5 s',
    ],
  ]
  for (const [entry, text] of cases) assert.equal(line(entry), text)
})

test('what only a newer master knows is shown as it is', () => {
  const type = 'SOMETHING_NEW' as 'SETTLED'
  assert.equal(line({ type, server: 'abcdef0123456789' }), 'SOMETHING_NEW     abcdef01')
  assert.equal(line({ type }), 'SOMETHING_NEW')
})
