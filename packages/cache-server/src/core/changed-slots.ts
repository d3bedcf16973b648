import { changedTransitions, type Topology } from '@icf/common'

/** The slots that have other owners, or another transition, in `next`. Every server does this with every commit. */
export function changedSlots(before: Topology, next: Topology): number[] {
  // The columns by names of their own: five times as fast.
  const { primary, backup } = before
  const { primary: nextPrimary, backup: nextBackup } = next
  const isChanged = new Uint8Array(primary.length)
  if (areSeatsRetaken(before, next)) isChanged.fill(1)
  for (const slot of changedTransitions(before.transitions, next.transitions)) isChanged[slot] = 1
  const changed: number[] = []
  for (let slot = 0; slot < primary.length; slot++)
    if (isChanged[slot] === 1 || primary[slot] !== nextPrimary[slot] || backup[slot] !== nextBackup[slot])
      changed.push(slot)
  return changed
}

/** Whether a seat means another server: then what looks the same may not be. No slot has a seat that was, or is, vacant. */
function areSeatsRetaken({ servers }: Topology, next: Topology): boolean {
  return servers.some((server, seat) => {
    const successor = next.servers[seat]
    return server && successor && server.id !== successor.id
  })
}
