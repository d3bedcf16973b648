import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Entry } from './entry.js'
import { FIRST_HANDLE } from './recency.js'
import { SlotIndex } from './slot-index.js'

const SLOTS = 3
const CAPACITY = 5000

/** Few hashes, so that many keys fall together, also around the end of a table. */
const anyHash = fc.constantFrom(0, 1, 2, 5, 7, 0xffff_fffe, 0xffff_ffff)
const anyStep = fc.record({
  slot: fc.integer({ min: 0, max: SLOTS - 1 }),
  key: fc.integer({ min: 0, max: 99 }).map(String),
  isAdded: fc.boolean(),
})

class Indexed {
  readonly entries: (Entry | undefined)[] = []
  readonly index = new SlotIndex(SLOTS, CAPACITY, this.entries)
  readonly expected = Array.from({ length: SLOTS }, () => new Map<string, number>())
  #next = FIRST_HANDLE

  constructor(private readonly hashes: readonly number[]) {}

  hashOf(key: string): number {
    return this.hashes[Number(key)]!
  }

  has(slot: number, key: string, isAdded: boolean): void {
    const handle = this.expected[slot]!.get(key)
    if (isAdded === (handle !== undefined)) return
    if (handle === undefined) {
      this.entries[this.#next] = new Entry(key, slot, 1, 'v', 1, 0)
      this.index.add(slot, this.#next, this.hashOf(key))
      this.expected[slot]!.set(key, this.#next++)
    } else {
      this.index.remove(slot, handle)
      this.entries[handle] = undefined
      this.expected[slot]!.delete(key)
    }
  }
}

describe('the index of slots', () => {
  const hashes = fc.array(anyHash, { minLength: 100, maxLength: 100 })

  it('finds by key, in its slot, what is there, and names all in the order in which they came', () => {
    fc.assert(
      fc.property(hashes, fc.array(anyStep, { maxLength: 300, size: 'max' }), (hashOf, steps) => {
        const indexed = new Indexed(hashOf)
        for (const { slot, key, isAdded } of steps) indexed.has(slot, key, isAdded)
        indexed.expected.forEach((expected, slot) => {
          for (let i = 0; i < 100; i++)
            assert.equal(
              indexed.index.find(slot, String(i), indexed.hashOf(String(i))),
              expected.get(String(i)) ?? 0,
            )
          assert.deepEqual([...indexed.index.handlesOf(slot)], [...expected.values()])
          assert.equal(indexed.index.countOf(slot), expected.size)
        })
      }),
    )
  })

  it('names each that stays once, in order, while others come and go', () => {
    const changes = fc.array(fc.array(anyStep, { maxLength: 9 }), { minLength: 400, maxLength: 400 })
    fc.assert(
      fc.property(hashes, fc.integer({ min: 1, max: 100 }), changes, (hashOf, count, changesOf) => {
        const indexed = new Indexed(hashOf)
        for (let i = 0; i < count; i++) indexed.has(0, String(i), true)
        const stays = new Set(indexed.expected[0]!.values())
        const named: number[] = []
        for (const handle of indexed.index.handlesOf(0)) {
          assert.ok(indexed.entries[handle])
          for (const { slot, key, isAdded } of changesOf[named.push(handle)] ?? [])
            indexed.has(slot, key, isAdded)
          const there = new Set(indexed.expected[0]!.values())
          for (const each of stays) if (!there.has(each)) stays.delete(each)
        }
        assert.deepEqual(named.filter((handle) => stays.has(handle)), [...stays]) // prettier-ignore
        assert.deepEqual(
          named,
          named.toSorted((one, other) => one - other),
        )
      }),
    )
  })

  it('grows and shrinks with a slot, and keeps what it has', () => {
    const indexed = new Indexed(Array.from({ length: 100 }, (_, i) => i * 7919))
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) indexed.has(1, String(i), true)
      for (let i = 0; i < 100; i++) {
        indexed.has(1, String(i), false)
        for (let j = 0; j < 100; j++)
          assert.equal(indexed.index.find(1, String(j), indexed.hashOf(String(j))) !== 0, j > i)
      }
    }
  })
})
