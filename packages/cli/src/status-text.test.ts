import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pendingOf, statusLines } from './status-text.js'
import type { ServerStatus, Status } from '@icf/common'
import { styleFor } from './style.js'

const server: ServerStatus = {
  ...{ id: 'cd'.repeat(20), host: '127.0.0.1', port: 7100, respPort: 0, zone: '', machine: '', weight: 1 },
  ...{ state: 'active', connected: true, quiet: false, silentMs: 0 },
  ...{ primarySlots: 16_384, backupSlots: 0, keys: 1234, bytes: 1536, backupKeys: 0, backupBytes: 0 },
  ...{ maxMemoryBytes: 1e9, evictions: 0, backupEvictions: 0, commands: 0, rssBytes: 1e8 },
}

const status: Status = {
  ...{
    cluster: 'icf',
    epoch: 1,
    version: 12,
    settled: true,
    slotsServed: 16_384,
    movesPending: 0,
    transitions: 0,
  },
  ...{ slotsOnOneMachine: 0, slotsInOneZone: 0, unreachable: [], progress: null },
  masters: [
    {
      id: 'ab'.repeat(20),
      host: '127.0.0.1',
      port: 7000,
      httpPort: null,
      role: 'active',
      alive: true,
      isVoter: true,
    },
  ],
  servers: [server],
}

test('the status reads well', () => {
  assert.deepEqual(statusLines(status, styleFor({})), [
    'settled · epoch 1, version 12',
    '16,384 of 16,384 slots served · 1,234 keys, 1.5 KB',
    '',
    'MASTER          ID        ROLE    STATE',
    '127.0.0.1:7000  abababab  active  alive',
    '',
    'CACHE SERVER    ID        ZONE  WEIGHT  STATE   PRIMARY  BACKUP   KEYS  MEMORY',
    '127.0.0.1:7100  cdcdcdcd  –          1  active   16,384       0  1,234  1.5 KB',
  ])
})

test('evictions are said, since what was evicted is missing', () => {
  const servers = [{ ...server, evictions: 1500 }]
  assert.match(statusLines({ ...status, servers }, styleFor({}))[1]!, / · 1,500 evicted: the memory is full$/)
})

test('who can not reach whom is said', () => {
  const servers = [7100, 7101].map((port) => ({ ...server, id: `server ${port}`, port }))
  const pair = ['server 7100', 'server 7101'] as const
  const lines = (pairs: number): string[] =>
    statusLines({ ...status, servers, unreachable: Array(pairs).fill(pair) }, styleFor({})).slice(2, -7)
  const text = '127.0.0.1:7100 and 127.0.0.1:7101 can not reach each other'
  assert.deepEqual(lines(1), [text])
  assert.deepEqual(lines(6), [text, text, text, text, 'nor can 2 more pairs'])
})

test('what is pending is said', () => {
  const cases: [Partial<Status>, string][] = [
    [{ servers: [], slotsServed: 0 }, 'no cache server has joined, 16,384 slots not served'],
    [{ slotsServed: 16_383 }, '1 slot not served'],
    [{ movesPending: 5461 }, '5,461 moves pending'],
    [{ servers: [{ ...server, quiet: true }] }, 'no heartbeat from 127.0.0.1:7100'],
    [{}, 'backups are not complete'],
  ]
  for (const [part, text] of cases) assert.equal(pendingOf({ ...status, settled: false, ...part }), text)
})

test('an empty cluster says so', () => {
  const lines = statusLines({ ...status, servers: [], settled: false, slotsServed: 0 }, styleFor({}))
  assert.equal(lines.at(-1), 'no cache server has joined')
})
