import { NONE, type Topology } from '@icf/common'
import type { SimCluster, SimServer } from '../cluster.js'
import { Violation } from './violation.js'

/** Invariant 2, with nothing under way: every backup holds exactly what its primary holds. */
export function checkCopies(topology: Topology, cluster: SimCluster): void {
  const seats = cluster.seats(topology)
  for (let slot = 0; slot < topology.primary.length; slot++) {
    const primary = seats[topology.primary[slot]!]
    if (!primary) throw new Violation(`invariant 2: slot ${slot} has no primary`)
    if (topology.backup[slot] === NONE) continue
    const backup = seats[topology.backup[slot]!]
    if (!backup) throw new Violation(`invariant 2: slot ${slot} has no backup`)
    const [ours, theirs] = [contents(primary, slot), contents(backup, slot)]
    if (ours !== theirs)
      throw new Violation(`invariant 2: slot ${slot}: primary has ${ours}, backup has ${theirs}`)
  }
}

function contents({ incarnation: { core } }: SimServer, slot: number): string {
  const entries = [...core.store.keysOf(slot)].sort().map((key) => {
    const entry = core.store.peek(slot, key)
    return `${key}=${String(entry?.value).slice(0, 20)}@${entry?.seq}`
  })
  return `${core.slots.seq[slot]}[${entries.join(' ')}]`
}
