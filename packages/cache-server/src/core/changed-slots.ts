import { sameTransition, type Topology } from '@icf/common'

/**
 * The slots that have other owners, or another transition, in `next`. Looks for transitions only where there are any: every
 * server does this with every commit.
 */
export function changedSlots(before: Topology, next: Topology): Uint16Array {
  // The columns by names of their own: five times as fast.
  const { primary, backup } = before
  const { primary: nextPrimary, backup: nextBackup } = next
  const isChanged = new Uint8Array(primary.length)
  if (areSeatsRetaken(before, next)) isChanged.fill(1)
  if (before.transitions !== next.transitions) {
    next.transitions.forEach((transition, slot) => {
      if (!sameTransition(before.transitions.get(slot), transition)) isChanged[slot] = 1
    })
    for (const slot of before.transitions.keys()) if (!next.transitions.has(slot)) isChanged[slot] = 1
  }
  const changed = new Uint16Array(primary.length)
  let count = 0
  for (let slot = 0; slot < primary.length; slot++)
    if (isChanged[slot] === 1 || primary[slot] !== nextPrimary[slot] || backup[slot] !== nextBackup[slot])
      changed[count++] = slot
  return changed.subarray(0, count)
}

/** Whether a seat means another server: then what looks the same may not be. No slot has a seat that was, or is, vacant. */
function areSeatsRetaken({ servers }: Topology, next: Topology): boolean {
  return servers.some((server, seat) => {
    const successor = next.servers[seat]
    return server && successor && server.id !== successor.id
  })
}
