import { sameTransition, type Topology } from '@icf/common'

/**
 * Which slots have other owners, by seat, or another transition in `next`: 1 where they do. Looks for transitions only
 * where there are any: every server does this with every commit.
 */
export function changedSlots(before: Topology, next: Topology): Uint8Array {
  // The columns by names of their own: five times as fast.
  const { primary, backup } = before
  const { primary: nextPrimary, backup: nextBackup } = next
  const changed = new Uint8Array(primary.length)
  for (let slot = 0; slot < changed.length; slot++)
    if (primary[slot] !== nextPrimary[slot] || backup[slot] !== nextBackup[slot]) changed[slot] = 1
  for (const [slot, transition] of next.transitions)
    if (!sameTransition(before.transitions.get(slot), transition)) changed[slot] = 1
  for (const slot of before.transitions.keys()) if (!next.transitions.has(slot)) changed[slot] = 1
  return changed
}
