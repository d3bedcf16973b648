import { NONE, SLOT_COUNT, type Topology } from '@icf/common'
import type { SimServer } from '../sim-server.js'
import { Violation } from './violation.js'

/** With nothing under way, every backup holds exactly what its primary holds: invariant 2. */
export function checkCopies(topology: Topology, servers: readonly SimServer[]): void {
  const bySeat = topology.servers.map((info) => servers.find((server) => server.core.id === info?.id))
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const primary = bySeat[topology.primary[slot]!]
    if (!primary) throw new Violation(`slot ${slot} has no primary`)
    if (topology.backup[slot] === NONE) continue
    const backup = bySeat[topology.backup[slot]!]
    if (!backup) throw new Violation(`slot ${slot} has no backup`)
    const [ours, theirs] = [contents(primary, slot), contents(backup, slot)]
    if (ours !== theirs) throw new Violation(`slot ${slot}: primary has ${ours}, backup has ${theirs}`)
  }
}

function contents(server: SimServer, slot: number): string {
  const entries = [...server.core.store.keysOf(slot)].sort().map((key) => {
    const entry = server.core.store.peek(slot, key)
    return `${key}=${String(entry?.value)}@${entry?.seq}`
  })
  return `${server.core.slots.seq[slot]}[${entries.join(' ')}]`
}
