import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { defaultTiming, emptyTopology, SLOT_COUNT, type ServerInfo } from '@icf/common'
import { transitionsOf } from '@icf/testkit/topologies'
import { NO_DEPARTURES } from '../../core/index.js'
import type { StoredState } from '../state-file.js'
import { decodeRecord, encodeRecord } from './state-record.js'

const SERVERS = 100

function largeState(eventCount: number): StoredState {
  const base = emptyTopology({ virtualNodes: 160, seed: 3 })
  const server = (n: number): ServerInfo => ({
    ...{ id: randomBytes(20).toString('hex'), host: `host-${n}.example.org`, port: 7100, respPort: 6100 },
    ...{ zone: `z${n % 3}`, machine: `m${n}`, weight: 1.5, state: 'active' as const },
  })
  // Each slot is under way to another server than the one before: as large as it can be.
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot)
  return {
    topology: {
      ...base,
      epoch: 4,
      version: 77,
      servers: Array.from({ length: SERVERS }, (_, n) => server(n)),
      primary: base.primary.map((_, slot) => slot % SERVERS),
      backup: base.backup.map((_, slot) => (slot + 1 + (slot % 7)) % SERVERS),
      transitions: transitionsOf(
        slots.map((slot) => [
          slot,
          { to: (slot + 50) % SERVERS, intent: 'backup' as const, since: 70 + (slot % 8) },
        ]),
      ),
    },
    retired: Array.from({ length: 1000 }, () => ({
      id: randomBytes(20).toString('hex'),
      how: 'dead' as const,
    })),
    departures: NO_DEPARTURES,
    timing: defaultTiming,
    auditedUntil: 1_767_225_600_000,
    events: Array.from({ length: eventCount }, (_, n) => ({
      ...{ n, at: '2026-01-01T00:00:00.000Z', type: 'SETTLED' as const },
      ...{ server: randomBytes(20).toString('hex') },
    })),
  }
}

test('the state of 100 servers with every slot under way is read again, and far from what etcd takes', () => {
  const state = largeState(1000)
  const record = encodeRecord('test', state)
  assert.ok(record.length < 400_000, `${record.length}`)
  assert.deepEqual(decodeRecord('test', record), state)
})

test('one that etcd would not take is refused', () => {
  assert.throws(() => encodeRecord('test', largeState(50_000)), /the state in etcd would have \d+ characters/)
})

test('another cluster’s, and what is none, is refused', () => {
  const record = encodeRecord('test', largeState(1))
  assert.throws(() => decodeRecord('other', record), /belongs to cluster "test"/)
  assert.throws(() => decodeRecord('test', 'AAAA'), /damaged/)
  assert.throws(() => decodeRecord('test', record.slice(0, 1000)), /damaged/)
})
