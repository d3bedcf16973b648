import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { plan } from './plan.js'
import { Cluster, execute, SEED } from './scenario.test.kit.js'
import { NONE, type Columns, type Move, type MoveOrder, type MutableColumns } from './types.js'

const ORDERS: readonly MoveOrder[] = ['grow', 'shrink', 'restore']
type Pair = readonly [primary: number, backup: number]

const columnsOf = (pairs: readonly Pair[]): MutableColumns => ({
  primary: Uint16Array.from(pairs, ([primary]) => primary),
  backup: Uint16Array.from(pairs, ([, backup]) => backup),
})

/** What the reconciler and the cache servers do with a move. `holders`: who has the slot's data. */
class Executor {
  readonly columns: MutableColumns
  readonly #holders: Set<number>[]
  readonly #hadData: boolean[]
  copies = 0

  constructor({ primary, backup }: Columns) {
    this.columns = { primary: primary.slice(), backup: backup.slice() }
    this.#holders = Array.from(
      primary,
      (server, slot) => new Set([server, backup[slot]!].filter((one) => one !== NONE)),
    )
    this.#hadData = this.#holders.map((holders) => holders.size > 0)
  }

  execute(move: Move): void {
    const { slot, kind, from, to } = move
    const { primary, backup } = this.columns
    const holders = this.#holders[slot]!
    assert.equal(
      from,
      kind === 'primary' ? primary[slot] : backup[slot],
      'the move starts from what is in force',
    )
    assert.notEqual(from, to, 'the move changes something')
    if (kind === 'backup' || to !== backup[slot]) {
      this.#copy(slot, to)
      holders.delete(from)
    }
    execute(this.columns, move)
    assert.notEqual(primary[slot], backup[slot], 'two copies are on two servers')
    if (this.#hadData[slot]) assert.ok(holders.has(primary[slot]!), 'the primary has the data')
  }

  #copy(slot: number, to: number): void {
    const source = this.columns.primary[slot]!
    if (to === NONE || source === NONE) return
    assert.equal(this.#holders[slot]!.has(source), this.#hadData[slot], 'the source has the data')
    if (!this.#hadData[slot]) return
    this.#holders[slot]!.add(to)
    this.copies++
  }
}

const pair = fc.tuple(fc.nat(5), fc.nat(5)).map(([a, b]): Pair => {
  if (a === 5) return [NONE, b === 5 ? NONE : b]
  return [a, b === 5 || b === a ? NONE : b]
})
const wantedPair = pair.filter(([primary]) => primary !== NONE)
const changes = fc.array(fc.tuple(pair, wantedPair), { minLength: 1, maxLength: 30 }).map((slots) => ({
  current: columnsOf(slots.map(([current]) => current)),
  wanted: columnsOf(slots.map(([, wanted]) => wanted)),
}))
const order = fc.constantFrom(...ORDERS)
const asSet = (moves: readonly Move[]): string[] => moves.map((move) => JSON.stringify(move)).sort()

/** The moves of one slot that goes from one pair to another, as text: `b→2` makes 2 the backup. */
function steps(current: Pair, wanted: Pair, how: MoveOrder): string {
  const moves = plan(columnsOf([current]), columnsOf([wanted]), how)
  return moves.map(({ kind, to }) => `${kind[0]}→${to === NONE ? '–' : to}`).join(' ')
}

test('a plan leads to what is wanted, keeps two copies apart, and never loses the data', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(changes, order, ({ current, wanted }, how) => {
    const executor = new Executor(current)
    for (const move of plan(current, wanted, how)) executor.execute(move)
    assert.deepEqual(executor.columns, wanted)
  })
  fc.assert(property, { seed: SEED, numRuns: 1000 })
})

test('planning anew after some moves gives the remaining ones', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(changes, order, fc.nat(60), ({ current, wanted }, how, made) => {
    const moves = plan(current, wanted, how)
    const executor = new Executor(current)
    for (const move of moves.slice(0, made)) executor.execute(move)
    assert.deepEqual(asSet(plan(executor.columns, wanted, how)), asSet(moves.slice(made)))
  })
  fc.assert(property, { seed: SEED, numRuns: 1000 })
})

test('no plan copies more than the servers that are new to a slot', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(pair, wantedPair, order, (current, wanted, how) => {
    const executor = new Executor(columnsOf([current]))
    for (const move of plan(columnsOf([current]), columnsOf([wanted]), how)) executor.execute(move)
    const hadData = current.some((server) => server !== NONE)
    const newcomers = wanted.filter((server) => server !== NONE && !current.includes(server)).length
    assert.equal(executor.copies, hadData ? newcomers : 0)
  })
  fc.assert(property, { seed: SEED, numRuns: 1000 })
})

test('missing backups come before all other backups', (t) => {
  t.diagnostic(`seed ${SEED}`)
  const property = fc.property(changes, order, ({ current, wanted }, how) => {
    const backups = plan(current, wanted, how).filter(({ kind }) => kind === 'backup')
    const firstOther = backups.findIndex(({ from }) => from !== NONE)
    if (firstOther !== -1) assert.ok(backups.slice(firstOther).every(({ from }) => from !== NONE))
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('the steps of one slot', () => {
  for (const how of ORDERS) {
    assert.equal(steps([0, 1], [0, 1], how), '')
    assert.equal(steps([0, 1], [1, 0], how), 'p→1')
    assert.equal(steps([0, 1], [1, 2], how), 'p→1 b→2')
    assert.equal(steps([0, 1], [2, 0], how), 'b→2 p→2')
    assert.equal(steps([0, 1], [2, 1], how), 'p→2')
    assert.equal(steps([0, 1], [0, 2], how), 'b→2')
    assert.equal(steps([0, NONE], [2, 3], how), 'b→3 p→2')
    assert.equal(steps([0, NONE], [2, 0], how), 'b→2 p→2')
    assert.equal(steps([NONE, 1], [1, 2], how), 'p→1 b→2')
    assert.equal(steps([NONE, 1], [2, 1], how), 'p→1 b→2 p→2')
    assert.equal(steps([NONE, NONE], [2, 1], how), 'p→2 b→1')
    assert.equal(steps([0, 1], [0, NONE], how), 'b→–')
    assert.equal(steps([0, 1], [1, NONE], how), 'p→1 b→–')
    assert.equal(steps([0, 1], [2, NONE], how), 'p→2 b→–')
    assert.equal(steps([0, 1], [NONE, NONE], how), '')
  }
  assert.equal(steps([0, 1], [2, 3], 'grow'), 'b→3 p→2')
  assert.equal(steps([0, 1], [2, 3], 'shrink'), 'b→3 p→2')
  assert.equal(steps([0, 1], [2, 3], 'restore'), 'p→2 b→3')
})

/** One slot for each kind of work, in one plan: which slot's turn it is. */
function turns(how: MoveOrder): string {
  const names = ['lost', 'sole', 'backup', 'primary', 'swap', 'drop']
  const current = columnsOf([[NONE, 1], [0, NONE], [0, 1], [0, 1], [0, 1], [0, 1]]) // prettier-ignore
  const wanted = columnsOf([[1, 2], [0, 1], [0, 2], [2, 1], [1, 0], [0, NONE]]) // prettier-ignore
  return plan(current, wanted, how)
    .map(({ slot }) => names[slot])
    .join(' ')
}

test('grow and shrink copy backups first, restore primaries', () => {
  assert.match(turns('grow'), /^lost (lost sole|sole lost) backup (primary swap|swap primary) drop$/)
  assert.equal(turns('shrink'), turns('grow'))
  assert.match(turns('restore'), /^(lost swap|swap lost) (lost sole|sole lost) primary backup drop$/)
})

test('the load is spread: all servers take turns in sending and in receiving', () => {
  const cluster = new Cluster(SEED)
  cluster.start(Array.from({ length: 10 }, () => cluster.newServer()))
  const before = cluster.columns
  cluster.join()
  const moves = plan(before, cluster.columns, 'grow')
  const atOnce = 20
  for (const kind of ['backup', 'primary']) {
    const some = moves.filter((move) => move.kind === kind).slice(0, atOnce)
    const sources = some.map(({ slot }) => before.primary[slot]!)
    for (let server = 0; server < 10; server++) {
      const busy = sources.filter((source) => source === server).length
      assert.ok(busy >= 1 && busy <= 3, `${kind}: ${server} sends ${busy} of ${atOnce}`)
    }
  }
})

test('a plan for thousands of slots is in full', () => {
  const cluster = new Cluster(SEED)
  cluster.start(Array.from({ length: 50 }, () => cluster.newServer()))
  const before = cluster.columns
  cluster.leave(3, 4, 5, 6, 7)
  const wanted = {
    primary: cluster.columns.primary.toReversed(),
    backup: cluster.columns.backup.toReversed(),
  }
  for (const how of ORDERS) {
    const executor = new Executor(before)
    for (const move of plan(before, wanted, how)) executor.execute(move)
    assert.deepEqual(executor.columns, wanted)
  }
})
