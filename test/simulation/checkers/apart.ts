import { NONE, type Topology } from '@icf/common'
import type { SimCluster } from '../cluster.js'
import { Violation } from './violation.js'

/** Invariant 2, with nothing under way, the two copies of a slot are on two machines wherever there are two. */
export function checkApart(topology: Topology, cluster: SimCluster): void {
  const machines = cluster.seats(topology).map((server) => server?.process.machine)
  if (new Set(machines.filter((machine) => machine !== undefined)).size < 2) return
  for (let slot = 0; slot < topology.primary.length; slot++) {
    const [first, second] = [topology.primary[slot]!, topology.backup[slot]!]
    if (second !== NONE && machines[first] === machines[second])
      throw new Violation(`invariant 2: slot ${slot} has both its copies on ${machines[first]}`)
  }
}
