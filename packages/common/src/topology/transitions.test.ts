import { transitionsOf } from '@icf/testkit/topologies'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SLOT_COUNT } from '../slot.js'
import { changedTransitions, sameTransition, Transitions, type Transition } from './transitions.js'

/** Few, in two blocks. */
const SLOTS = [0, 1, 2, 126, 127, 128, 129, SLOT_COUNT - 1]

const slot = fc.constantFrom(...SLOTS)
const transition = fc.record(
  {
    to: fc.constantFrom(0, 1, 65_534),
    intent: fc.constantFrom('backup' as const, 'primary' as const),
    since: fc.constantFrom(0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  },
  { noNullPrototype: true },
)
/** Sets a slot's transition, or deletes it. */
const changes = fc.array(fc.tuple(slot, fc.option(transition)), { maxLength: 20 })

function change(
  transitions: Pick<Transitions, 'set' | 'delete'> | Map<number, Transition>,
  made: readonly [number, Transition | null][],
): void {
  for (const [slot, transition] of made)
    if (transition) transitions.set(slot, transition)
    else transitions.delete(slot)
}

function inOrder(map: ReadonlyMap<number, Transition>): [number, Transition][] {
  return [...map].sort(([a], [b]) => a - b)
}

describe('the transitions of a topology', () => {
  it('are those of a map, in the order of slots', () => {
    fc.assert(
      fc.property(changes, (made) => {
        const [map, transitions] = [new Map<number, Transition>(), Transitions.none()]
        change(map, made)
        change(transitions, made)
        assert.equal(transitions.size, map.size)
        assert.deepEqual([...transitions], inOrder(map))
        const visited: [number, Transition][] = []
        transitions.forEach((transition, slot) => visited.push([slot, transition]))
        assert.deepEqual(visited, inOrder(map))
        for (const slot of SLOTS) {
          assert.equal(transitions.has(slot), map.has(slot))
          assert.deepEqual(transitions.get(slot), map.get(slot))
        }
      }),
    )
  })

  it('are the same, however they came to be', () => {
    fc.assert(
      fc.property(changes, (made) => {
        const map = new Map<number, Transition>()
        const transitions = Transitions.none()
        change(map, made)
        change(transitions, made)
        assert.deepEqual(transitions, transitionsOf(map))
      }),
    )
  })

  it('stay what they are when a copy of them changes, or what they were copied from', () => {
    fc.assert(
      fc.property(changes, changes, changes, (before, after, last) => {
        const transitions = Transitions.none()
        change(transitions, before)
        const [there, copy] = [[...transitions], transitions.copy()]
        assert.deepEqual(copy, transitions)
        change(copy, after)
        assert.deepEqual([...transitions], there)
        assert.equal(transitions.size, there.length)
        const changed = [...copy]
        change(transitions, last)
        assert.deepEqual([...copy], changed)
        assert.equal(copy.size, changed.length)
      }),
    )
  })

  it('differ in the slots that have another one, or none', () => {
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        const base = Transitions.none()
        change(base, before)
        const next = base.copy()
        change(next, after)
        const differ = SLOTS.filter((at) => !sameTransition(base.get(at), next.get(at)))
        assert.deepEqual(changedTransitions(base, next), differ)
        assert.deepEqual(changedTransitions(next, base), differ)
      }),
    )
  })

  it('are visited but for those in blocks that others have too', () => {
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        const base = Transitions.none()
        change(base, before)
        const next = base.copy()
        change(next, after)
        const visited = new Map<number, Transition>()
        next.forEach((transition, slot) => visited.set(slot, transition), base)
        for (const [slot, transition] of visited) assert.equal(next.get(slot), transition)
        for (const slot of changedTransitions(base, next)) assert.equal(visited.get(slot), next.get(slot))
        base.forEach(() => assert.fail('all of it is known'), base)
      }),
    )
  })

  it('are not visited again, or passed over, when one of them is deleted meanwhile', () => {
    fc.assert(
      fc.property(changes, (made) => {
        const transitions = Transitions.none()
        change(transitions, made)
        const [all, visited] = [[...transitions], [] as number[]]
        transitions.forEach((_, slot) => {
          visited.push(slot)
          transitions.delete(slot)
        })
        assert.deepEqual(
          visited,
          all.map(([slot]) => slot),
        )
        assert.deepEqual(transitions, Transitions.none())
      }),
    )
  })

  it('have none of slots that there are not', () => {
    const transitions = transitionsOf([[3, { to: 1, intent: 'primary', since: 5 }]])
    for (const slot of [-1, SLOT_COUNT, 3.5, NaN]) {
      assert.equal(transitions.has(slot), false)
      assert.equal(transitions.get(slot), undefined)
    }
  })
})
