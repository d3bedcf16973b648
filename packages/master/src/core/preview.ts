import { NONE, type Load, type Plan, type Topology } from '@icf/common'
import { plan, summarize } from '@icf/common/placement'
import type { Cuts } from './reachability.js'
import { wish } from './reconciler.js'
import { countBySeat } from './draft.js'

/** What would move if these servers left; or, without any, what is pending now. Nothing is changed. */
export function preview(
  topology: Topology,
  leaving: readonly string[],
  { out, cuts }: { readonly out: ReadonlySet<string>; readonly cuts: Cuts },
  loadOf: (id: string) => Load | undefined,
): Plan {
  const servers = topology.servers.map((server) =>
    server && leaving.includes(server.id) ? { ...server, state: 'leaving' as const } : server,
  )
  const wanted = wish({ ...topology, servers }, out, cuts)
  const isShrinking = servers.some((server) => server?.state === 'leaving')
  const order = isShrinking ? 'shrink' : 'grow'
  const { primaryMoves, backupMoves, swaps, copies } = summarize(topology, wanted, order)
  const average = averageSlots(topology, loadOf)
  const primary = topology.primary.slice()
  const backup = topology.backup.slice()
  let [entries, bytes] = [0, 0]
  for (const { slot, kind, to } of plan(topology, wanted, order)) {
    // Whoever sends it by then: what is in the slot is what its present primary has in it.
    const holder = topology.primary[slot]!
    if (holder !== NONE && to !== NONE && backup[slot] !== to) {
      entries += average[holder]!.entries
      bytes += average[holder]!.bytes
    }
    if (kind === 'backup') backup[slot] = to
    else {
      if (backup[slot] === to) backup[slot] = primary[slot]!
      primary[slot] = to
    }
  }
  return { primaryMoves, backupMoves, swaps, copies, entries: Math.round(entries), bytes: Math.round(bytes) }
}

/** What one slot of each server holds, by seat. */
function averageSlots(
  { servers, primary }: Topology,
  loadOf: (id: string) => Load | undefined,
): { entries: number; bytes: number }[] {
  const slots = countBySeat(primary, servers.length)
  return servers.map((server, seat) => {
    const load = server && loadOf(server.id)
    const count = slots[seat]!
    if (!load || count === 0) return { entries: 0, bytes: 0 }
    return { entries: load.primaryKeys / count, bytes: load.primaryBytes / count }
  })
}
