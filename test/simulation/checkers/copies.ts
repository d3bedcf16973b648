import { NONE, type Topology } from '@icf/common'
import type { SimCluster, SimServer } from '../cluster.js'
import { Violation } from './violation.js'

/**
 * Invariant 2, with nothing under way: every backup holds exactly what its primary holds. Where memory is short, a backup
 * may have evicted by itself: it notes then that something may be missing in it, also when it is the primary later.
 */
export function checkCopies(topology: Topology, cluster: SimCluster): void {
  const seats = cluster.seats(topology)
  for (let slot = 0; slot < topology.primary.length; slot++) {
    const primary = seats[topology.primary[slot]!]
    if (!primary) throw new Violation(`invariant 2: slot ${slot} has no primary`)
    if (topology.backup[slot] === NONE) continue
    const backup = seats[topology.backup[slot]!]
    if (!backup) throw new Violation(`invariant 2: slot ${slot} has no backup`)
    const ours = contents(primary, slot)
    const theirs = contents(backup, slot)
    const isSame =
      (isPart(ours, theirs) || hasParted(backup, slot)) && (isPart(theirs, ours) || hasParted(primary, slot))
    if (!isSame)
      throw new Violation(
        `invariant 2: slot ${slot}: primary has ${ours.join(' ')}, backup has ${theirs.join(' ')}`,
      )
  }
}

function hasParted({ incarnation: { core } }: SimServer, slot: number): boolean {
  return core.slots.parted[slot] === 1
}

function isPart(some: readonly string[], all: readonly string[]): boolean {
  return some.every((entry) => all.includes(entry))
}

/** The number of the slot's last write, and its entries. */
function contents({ incarnation: { core } }: SimServer, slot: number): string[] {
  const entries = [...core.store.keysOf(slot)].sort().map((key) => {
    const entry = core.store.peek(slot, key)
    return `${key}=${String(entry?.value).slice(0, 20)}@${entry?.seq}`
  })
  return [`write ${core.slots.seq[slot]}`, ...entries]
}
