import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { defaultTiming, emptyTopology, type ServerInfo, type Topology } from '@icf/common'
import { transitionsOf } from '@icf/testkit/topologies'
import { decodeState, encodeState, loadState, saveState, type StoredState } from './state-file.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icf-state-'))
})
after(() => rm(folder, { recursive: true }))

function someState(): StoredState {
  const base = emptyTopology({ virtualNodes: 160, seed: 3 })
  const server = (name: string): ServerInfo => {
    const id = name.repeat(40)
    return {
      id,
      host: '::1',
      port: 7100,
      respPort: 6100,
      zone: 'z',
      machine: 'm',
      weight: 1.5,
      state: 'leaving',
    }
  }
  const topology: Topology = {
    ...base,
    epoch: 4,
    version: 77,
    masters: [{ id: 'm', host: '::1', port: 7000, httpPort: 7080, machine: 'm' }],
    servers: [server('a'), undefined, server('b')],
    primary: base.primary.slice().fill(0),
    backup: base.backup.slice().fill(2, 100),
    transitions: transitionsOf([
      [5, { to: 2, intent: 'backup', since: 70 }],
      [6, { to: 2, intent: 'backup', since: 70 }],
      [7, { to: 2, intent: 'backup', since: 71 }],
      [900, { to: 2, intent: 'primary', since: 71 }],
      [901, { to: 2, intent: 'backup', since: 71 }],
      [16383, { to: 2, intent: 'backup', since: 71 }],
    ]),
    pins: new Map([[9, 'a'.repeat(40)]]),
  }
  const events = [{ n: 1, at: '2026-01-01T00:00:00.000Z', type: 'SETTLED' as const }]
  return {
    topology,
    retired: [{ id: 'c'.repeat(40), how: 'dead' }],
    departures: { byThemselves: ['a'.repeat(40)], hasAnyoneDied: true },
    timing: defaultTiming,
    auditedUntil: 1_767_225_600_000,
    events,
  }
}

test('what was saved is loaded again', async () => {
  const path = join(folder, 'same.json')
  const state = someState()
  await saveState(path, 'test', state)
  const { cluster, ...loaded } = (await loadState(path, 'test')) as StoredState & { cluster: string }
  assert.equal(cluster, 'test')
  assert.deepEqual(loaded, state)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('same')),
    ['same.json'],
  )
})

test('no file is a new cluster; an unreadable one is not', async () => {
  assert.equal(await loadState(join(folder, 'none.json'), 'test'), undefined)
  await assert.rejects(loadState(folder, 'test'), { code: 'INVALID_ARGUMENT', message: /can not read/ })
})

test('the state of another cluster is refused', async () => {
  const path = join(folder, 'other.json')
  await saveState(path, 'test', someState())
  await assert.rejects(loadState(path, 'prod'), {
    code: 'INVALID_ARGUMENT',
    message: /belongs to cluster "test"/,
  })
})

test('a damaged file is refused, wherever the damage is', async () => {
  const text = encodeState('test', someState())
  const flip = (at: number): string => text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1)
  const damaged = [
    '',
    '{}',
    'null',
    '[]',
    '"text"',
    text.slice(0, text.length / 2),
    text.replace('"version":77', '"version":78'),
  ]
  for (let at = 3; at < text.length - 1; at += Math.floor(text.length / 40)) damaged.push(flip(at))
  for (const [index, content] of damaged.entries())
    assert.throws(
      () => decodeState(content, 'f'),
      { code: 'STATE_UNAVAILABLE', message: /damaged/ },
      `case ${index}`,
    )
})

test('a state that contradicts itself is refused, even with the right checksum', () => {
  const state = someState()
  const contradictions: Partial<Topology>[] = [
    { primary: state.topology.primary.slice().fill(1) },
    { backup: state.topology.primary },
    { transitions: transitionsOf([[3, { to: 1, intent: 'backup', since: 1 }]]) },
  ]
  for (const change of contradictions) {
    const text = encodeState('test', { ...state, topology: { ...state.topology, ...change } })
    assert.throws(() => decodeState(text, 'f'), { code: 'STATE_UNAVAILABLE', message: /damaged/ })
  }
})

test('a write that was cut short leaves the state before it', async () => {
  const path = join(folder, 'cut.json')
  await saveState(path, 'test', someState())
  await writeFile(`${path}.new`, (await readFile(path, 'utf8')).slice(0, 1000))
  assert.equal((await loadState(path, 'test'))?.topology.version, 77)
})
