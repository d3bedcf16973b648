import { NONE, type Topology } from '@icf/common'

/** A topology for people and for programs without the codec: slots in ranges, servers by id. */
export function presentTopology({
  epoch,
  version,
  ring,
  masters,
  servers,
  primary,
  backup,
  transitions,
  pins,
}: Topology): object {
  const idOf = (seat: number): string | null => (seat === NONE ? null : servers[seat]!.id)
  const ranges: object[] = []
  for (let start = 0, slot = 1; slot <= primary.length; slot++) {
    if (slot < primary.length && primary[slot] === primary[start] && backup[slot] === backup[start]) continue
    ranges.push({ from: start, to: slot - 1, primary: idOf(primary[start]!), backup: idOf(backup[start]!) })
    start = slot
  }
  return {
    epoch,
    version,
    ring,
    masters,
    servers: servers.filter((server) => server !== undefined),
    slots: ranges,
    transitions: [...transitions].map(([slot, { to, intent, since }]) => ({
      slot,
      to: idOf(to),
      intent,
      since,
    })),
    pins: [...pins].map(([slot, server]) => ({ slot, server })),
  }
}
