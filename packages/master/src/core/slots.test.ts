import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NONE, type Intent, type Topology, type Transition } from '@icf/common'
import { serverInfo, topologyWith, transitionsOf } from '@icf/testkit/topologies'
import { Draft } from './draft.js'
import { bury, complete, standIn } from './slots.js'

const [A, B, C, D] = [0, 1, 2, 3]
const VERSION = 41

/** Servers A to D; slot 0 as given, all others with A, backed up by B. */
function fourServers(primary: number, backup: number, transition?: Transition): Topology {
  return topologyWith({
    version: VERSION,
    servers: ['a', 'b', 'c', 'd'].map((name, seat) => serverInfo(name.repeat(40), { port: 7100 + seat })),
    primary: (slot) => (slot === 0 ? primary : A),
    backup: (slot) => (slot === 0 ? backup : B),
    transitions: transitionsOf(transition ? [[0, transition]] : []),
  })
}

function slotOf(draft: Draft): unknown[] {
  return [draft.primary[0], draft.backup[0], draft.transitions.get(0)?.to]
}

const toC = (intent: Intent): Transition => ({ to: C, intent, since: 40 })
const toB = (intent: Intent): Transition => ({ to: B, intent, since: 40 })

test('a completed copy becomes what it was made for', () => {
  for (const [transition, wanted] of [
    [toC('backup'), [A, C, undefined]],
    [toC('primary'), [C, B, undefined]],
    [toB('primary'), [B, A, undefined]],
  ] as const) {
    const draft = new Draft(fourServers(A, B, transition), 1)
    assert.ok(complete(draft, A, transition.to, transition.intent, { slot: 0, since: 40 }))
    assert.deepEqual(slotOf(draft), wanted)
  }
})

test('a slot without a backup keeps its old primary as one', () => {
  const draft = new Draft(fourServers(A, NONE, toC('primary')), 1)
  assert.ok(complete(draft, A, C, 'primary', { slot: 0, since: 40 }))
  assert.deepEqual(slotOf(draft), [C, A, undefined])
})

test('a report about anything but the present transition is ignored', () => {
  const reports: readonly (readonly [string, number, number, Intent, number])[] = [
    ['by another than the primary', B, C, 'backup', 40],
    ['about another receiver', A, D, 'backup', 40],
    ['about another intent', A, C, 'primary', 40],
    ['about an earlier transition', A, C, 'backup', 39],
    ['about a later transition', A, C, 'backup', 42],
  ]
  for (const [why, reporter, to, intent, since] of reports) {
    const draft = new Draft(fourServers(A, B, toC('backup')), 1)
    assert.equal(complete(draft, reporter, to, intent, { slot: 0, since }), false, why)
    assert.equal(draft.isDirty, false, why)
  }
  const none = new Draft(fourServers(A, B), 1)
  assert.equal(complete(none, A, C, 'backup', { slot: 0, since: 40 }), false, 'about no transition')
})

test('a hand-over that was cancelled meanwhile, and begun anew, is not committed by the old report', () => {
  const draft = new Draft(fourServers(A, B, toC('primary')), 1)
  draft.cancel(0)
  draft.begin(0, C, 'primary')
  assert.equal(complete(draft, A, C, 'primary', { slot: 0, since: 40 }), false)
  assert.ok(complete(draft, A, C, 'primary', { slot: 0, since: VERSION + 1 }))
})

test('death of any servers of a slot, with and without a copy under way', () => {
  const cases: readonly (readonly [string, number, number, Transition | undefined, number[], unknown[]])[] = [
    ['the primary', A, B, undefined, [A], [B, NONE, undefined]],
    ['the backup', A, B, undefined, [B], [A, NONE, undefined]],
    ['both', A, B, undefined, [A, B], [NONE, NONE, undefined]],
    ['nobody of it', A, B, undefined, [C, D], [A, B, undefined]],
    ['the primary that copies', A, B, toC('backup'), [A], [B, NONE, undefined]],
    ['the backup, a copy under way', A, B, toC('backup'), [B], [A, NONE, C]],
    ['both, the copy is what is left', A, B, toC('backup'), [A, B], [C, NONE, undefined]],
    ['all three', A, B, toC('backup'), [A, B, C], [NONE, NONE, undefined]],
    ['the receiver', A, B, toC('primary'), [C], [A, B, undefined]],
    ['the receiver and the backup', A, B, toC('primary'), [B, C], [A, NONE, undefined]],
    ['the primary and the receiver', A, B, toC('primary'), [A, C], [B, NONE, undefined]],
    ['the primary in a swap', A, B, toB('primary'), [A], [B, NONE, undefined]],
    ['the backup in a swap', A, B, toB('primary'), [B], [A, NONE, undefined]],
    ['a sole primary', A, NONE, undefined, [A], [NONE, NONE, undefined]],
    ['a sole primary that copies', A, NONE, toC('backup'), [A], [C, NONE, undefined]],
  ]
  for (const [why, primary, backup, transition, dead, wanted] of cases) {
    const draft = new Draft(fourServers(primary, backup, transition), 1)
    bury(draft, new Set(dead))
    assert.deepEqual(slotOf(draft), wanted, why)
    for (const seat of dead) assert.equal(draft.servers[seat], undefined, why)
  }
})

test('what a version takes from a silent server goes back to it when the other copy dies in the same version', () => {
  for (const [why, silent, dead, wanted] of [
    ['the backup that took over', A, B, [A, NONE, undefined]],
    ['the primary that had lost its backup', B, A, [B, NONE, undefined]],
  ] as const) {
    const draft = new Draft(fourServers(A, B, toC('backup')), 1)
    standIn(draft, new Set([silent]), new Set([dead, C, D]))
    assert.equal(bury(draft, new Set([dead])).lost, 0, why)
    assert.deepEqual(slotOf(draft), wanted, why)
    bury(draft, new Set([silent]))
    assert.deepEqual(slotOf(draft), [NONE, NONE, undefined], 'until it is dead as well')
  }
})

test('a burial is counted by what is lost', () => {
  const draft = new Draft(fourServers(C, B, { to: D, intent: 'backup', since: 40 }), 1)
  assert.deepEqual(bury(draft, new Set([A, B])), { promoted: 0, partial: 0, lost: 16383, unprotected: 1 })
  const other = new Draft(fourServers(B, NONE, { to: D, intent: 'backup', since: 40 }), 1)
  assert.deepEqual(bury(other, new Set([B])), { promoted: 0, partial: 1, lost: 0, unprotected: 16383 })
})

test('a seat that a version vacates is not taken in the same version', () => {
  const draft = new Draft(fourServers(A, B), 1)
  bury(draft, new Set([B]))
  const newcomer = { ...draft.servers[A]!, id: 'e'.repeat(40) }
  assert.equal(draft.seat(newcomer), 4)
  const next = new Draft(draft.freeze(), 1)
  assert.equal(next.seat({ ...newcomer, id: 'f'.repeat(40) }), B)
})

test('the pins of a dead server are forgotten', () => {
  const base = fourServers(A, B)
  const draft = new Draft({ ...base, pins: new Map([[1, 'b'.repeat(40)], [2, 'a'.repeat(40)]]) }, 1) // prettier-ignore
  bury(draft, new Set([B]))
  assert.deepEqual([...draft.pins.keys()], [2])
})

test('a draft leaves its base as it is, and shares what does not change', () => {
  const base = fourServers(A, B)
  const draft = new Draft(base, 1)
  draft.setPrimary(0, B)
  const next = draft.freeze()
  assert.equal(base.primary[0], A)
  assert.equal(next.backup, base.backup)
  assert.equal(next.servers, base.servers)
  assert.equal(next.version, VERSION + 1)
})
