import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Entry } from './entry.js'
import { Store } from './store.js'
import { storedValue } from './stored-value.js'

const SLOTS = 2
/** By slot: a key is of one. */
const KEYS = Array.from({ length: SLOTS }, (_, slot) =>
  Array.from({ length: 12 }, (_each, i) => `${slot} ${i}`),
)

/** What a store is to have, said in the plainest way. */
class Expected {
  readonly slots = Array.from({ length: SLOTS }, () => new Map<string, Entry>())
  readonly renewed = new Map<number, Set<string>>()

  put(entry: Entry): void {
    // A key that is replaced keeps its place.
    this.slots[entry.slot]!.set(entry.key, entry)
    this.renewed.get(entry.slot)?.add(entry.key)
  }

  remove(slot: number, key: string): void {
    this.slots[slot]!.delete(key)
    this.renewed.get(slot)?.delete(key)
  }

  clear(slot: number): void {
    this.slots[slot]!.clear()
    this.renewed.delete(slot)
  }

  endRenewal(slot: number): void {
    const renewed = this.renewed.get(slot)
    this.renewed.delete(slot)
    if (!renewed) return
    for (const key of this.slots[slot]!.keys()) if (!renewed.has(key)) this.slots[slot]!.delete(key)
  }
}

type Step = (store: Store, expected: Expected, seq: number) => void

const anySlot = fc.integer({ min: 0, max: SLOTS - 1 })
const anySlotAndKey = anySlot.chain((slot) => fc.tuple(fc.constant(slot), fc.constantFrom(...KEYS[slot]!)))

/** The same done to both. */
const both = (name: 'clear' | 'endRenewal'): fc.Arbitrary<Step> =>
  anySlot.map((slot): Step => (store, expected) => {
    store[name](slot)
    expected[name](slot)
  })

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        anySlotAndKey,
        fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(20_000) }),
      )
      .map(([[slot, key], length]): Step => (store, expected, seq) => {
        const bytes = Buffer.alloc(length, String(seq))
        const entry = new Entry(key, slot, seq, storedValue(bytes, 0, length), seq % 3, seq % 5)
        store.put(entry)
        expected.put(entry)
      }),
  },
  {
    weight: 4,
    arbitrary: anySlotAndKey.map(([slot, key]): Step => (store, expected) => {
      store.remove(slot, key)
      expected.remove(slot, key)
    }),
  },
  { weight: 4, arbitrary: anySlotAndKey.map(([slot, key]): Step => (store) => void store.use(slot, key)) }, // prettier-ignore
  {
    weight: 3,
    arbitrary: fc.nat(6).map(
      (count): Step =>
        (store) =>
          store.work(count + 1),
    ),
  },
  both('clear'),
  both('endRenewal'),
  anySlot.map((slot): Step => (store, expected) => {
    store.beginRenewal(slot)
    expected.renewed.set(slot, new Set())
  }),
  anySlot.map((slot): Step => (store, expected) => {
    store.stopRenewal(slot)
    expected.renewed.delete(slot)
  }),
  fc.tuple(anySlot, fc.constantFrom('primary', 'backup')).map(
    ([slot, role]): Step =>
      (store) =>
        store.setRole(slot, role),
  ),
  fc.boolean().map((mayBePrimary): Step => (store, expected) => {
    const handle = store.toEvict(Infinity, mayBePrimary)
    if (handle === 0) return
    const entry = store.records.entry(handle)
    assert.deepEqual(expected.slots[entry.slot]!.get(entry.key), entry)
    store.remove(entry.slot, entry.key)
    expected.remove(entry.slot, entry.key)
  }),
)

describe('a store, whatever is done to it', () => {
  it('has what it is to have, and nothing else once it is at rest', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 200, size: 'max' }), (steps) => {
        const store = new Store(1300, SLOTS)
        const expected = new Expected()
        steps.forEach((step, at) => {
          step(store, expected, at + 1)
          check(store, expected)
        })
        while (store.hasBackgroundWork) store.work(1)
        const entries = expected.slots.flatMap((slot) => [...slot.values()])
        const { primaryKeys, backupKeys, primaryBytes, backupBytes } = store.counts()
        assert.equal(primaryKeys + backupKeys, entries.length)
        assert.equal(
          primaryBytes + backupBytes,
          entries.reduce((sum, { costBytes }) => sum + costBytes, 0),
        )
      }),
      { numRuns: 300 },
    )
  })
})

function check(store: Store, { slots, renewed }: Expected): void {
  slots.forEach((expected, slot) => {
    for (const key of KEYS[slot]!) {
      assert.deepEqual(store.peek(slot, key), expected.get(key))
      assert.equal(store.isRenewed(slot, key), renewed.get(slot)?.has(key) ?? true)
    }
    assert.deepEqual(new Set(store.keysOf(slot)), new Set(expected.keys()))
    assert.equal(store.countOf(slot), expected.size)
  })
}
