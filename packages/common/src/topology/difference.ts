import { asArray, asCount, asSeat, malformed } from './checks.js'
import { readRuns, RunWriter } from './runs.js'
import { NONE } from './topology.js'
import { changedTransitions, type ReadonlyTransitions, type Transition } from './transitions.js'

type Column = Readonly<Uint16Array>

/** @returns runs of slots with another seat in `next`, each with that seat */
export function encodeColumnChanges(base: Column, next: Column): unknown[] {
  const runs = new RunWriter()
  if (base !== next)
    for (let slot = 0; slot < next.length; slot++) if (base[slot] !== next[slot]) runs.add(slot, [next[slot]])
  return runs.flat
}

/** @throws IcfError PROTOCOL */
export function applyColumnChanges(
  base: Column,
  wire: unknown,
  what: 'primary' | 'backup',
  serverCount: number,
): Column {
  const flat = asArray(wire, `${what} runs`)
  if (flat.length === 0) return base
  const column = base.slice()
  readRuns(flat, 1, column.length, (start, end, at) =>
    column.fill(asSeat(flat[at], what, serverCount), start, end),
  )
  return column
}

/** @returns runs of slots with another transition in `next`, each with receiver, intent, since; receiver NONE: no transition */
export function encodeTransitionChanges(base: ReadonlyTransitions, next: ReadonlyTransitions): unknown[] {
  const runs = new RunWriter()
  for (const slot of changedTransitions(base, next)) {
    const transition = next.get(slot)
    runs.add(slot, transition ? transitionFields(transition) : [NONE, 0, 0])
  }
  return runs.flat
}

/** @throws IcfError PROTOCOL */
export function applyTransitionChanges(
  base: ReadonlyTransitions,
  wire: unknown,
  serverCount: number,
  slotCount: number,
): ReadonlyTransitions {
  const flat = asArray(wire, 'transition runs')
  if (flat.length === 0) return base
  const transitions = base.copy()
  readRuns(flat, 3, slotCount, (start, end, at) => {
    const transition =
      flat[at] === NONE ? undefined : decodeTransition(flat[at], flat[at + 1], flat[at + 2], serverCount)
    for (let slot = start; slot < end; slot++)
      if (transition) transitions.set(slot, transition)
      else transitions.delete(slot)
  })
  return transitions
}

/** Receiver, intent (1: primary), since. */
export function transitionFields({ to, intent, since }: Transition): [number, 0 | 1, number] {
  return [to, intent === 'primary' ? 1 : 0, since]
}

/** @throws IcfError PROTOCOL */
export function decodeTransition(
  to: unknown,
  intent: unknown,
  since: unknown,
  serverCount: number,
): Transition {
  const seat = asSeat(to, 'receiver of a transition', serverCount)
  if (seat === NONE) throw malformed('receiver of a transition', 'a seat', to)
  return {
    to: seat,
    intent: intent === 1 ? 'primary' : 'backup',
    since: asCount(since, 'version of a transition'),
  }
}
