import { SLOT_COUNT } from '@icf/common'
import type { SimServer } from '../sim-server.js'
import { Violation } from './violation.js'

const YES = 1

/** At any time at most one server serves a slot: invariant 1. A stopped process counts until its lease is over. */
export function checkOneOwner(servers: readonly SimServer[], now: number): void {
  const owner = new Int32Array(SLOT_COUNT)
  for (const server of servers) {
    if (!server.isServing || server.core.fenced || now >= server.core.runner.leaseUntil) continue
    const { serving } = server.core.slots
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (serving[slot] !== YES) continue
      if (owner[slot] !== 0)
        throw new Violation(`slot ${slot} is served by ${owner[slot]} and by ${server.port}`)
      owner[slot] = server.port
    }
  }
}
