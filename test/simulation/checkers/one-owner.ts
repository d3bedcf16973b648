import type { SimServer } from '../cluster.js'
import { Violation } from './violation.js'

const YES = 1

/**
 * Invariant 1: at any time at most one server serves a slot. A stopped process counts until its lease is over by its clock:
 * it might go on at any time. It is looked at whenever some server may have begun to serve: when it knows another topology,
 * or its lease was renewed while not all know the same one.
 */
export class OneOwnerChecker {
  #seen = -1

  check(servers: readonly SimServer[], slotCount: number): void {
    let sum = 0
    let leases = 0
    let differ = false
    const version = servers[0]?.incarnation?.core.slots.topology.version
    for (const { incarnation } of servers) {
      if (!incarnation) continue
      const { topology } = incarnation.core.slots
      sum += topology.epoch + topology.version
      leases += Math.max(0, incarnation.core.lease.until)
      differ ||= topology.version !== version
    }
    if (differ) sum += leases
    if (sum === this.#seen) return
    this.#seen = sum
    const owner = new Array<SimServer | undefined>(slotCount)
    for (const server of servers) {
      const core = server.incarnation?.core
      if (!core || core.isOver || server.process.now() >= core.lease.until) continue
      for (let slot = 0; slot < slotCount; slot++) {
        if (core.slots.serving[slot] !== YES) continue
        const other = owner[slot]
        if (other)
          throw new Violation(
            `invariant 1: slot ${slot} is served by ${other.process.name} and by ${server.process.name}`,
          )
        owner[slot] = server
      }
    }
  }
}
