import { NONE, type Topology } from '@icf/common'
import type { Load } from './parse.js'
import { plan } from './placement.js'
import { columnsOf, wish } from './reconciler.js'
import { countBySeat } from './snapshot.js'

/** What a change would move. */
export interface Preview {
  readonly primaryMoves: number
  readonly backupMoves: number
  /** Primary moves in which the two copies change roles and nothing is copied. */
  readonly swaps: number
  /** Slots that are copied over the network. */
  readonly copies: number
  /** Estimates, by what each primary holds on average. */
  readonly entries: number
  readonly bytes: number
}

/** What would move if these servers left; or, without any, what is pending now. Nothing is changed. */
export function preview(
  topology: Topology,
  leaving: readonly string[],
  loadOf: (id: string) => Load | undefined,
): Preview {
  const servers = topology.servers.map((server) =>
    server && leaving.includes(server.id) ? { ...server, state: 'leaving' as const } : server,
  )
  const wanted = wish({ ...topology, servers })
  const isShrinking = servers.some((server) => server?.state === 'leaving')
  const moves = plan(columnsOf(topology), wanted, isShrinking ? 'shrink' : 'grow')
  const average = averageSlots(topology, loadOf)
  const primary = topology.primary.slice()
  const backup = topology.backup.slice()
  const sum = { primaryMoves: 0, backupMoves: 0, swaps: 0, copies: 0, entries: 0, bytes: 0 }
  const copy = (slot: number): void => {
    const source = primary[slot]!
    if (source === NONE) return
    sum.copies++
    sum.entries += average[source]!.entries
    sum.bytes += average[source]!.bytes
  }
  for (const { slot, kind, to } of moves) {
    if (kind === 'backup') {
      sum.backupMoves++
      if (to !== NONE) copy(slot)
      backup[slot] = to
      continue
    }
    sum.primaryMoves++
    if (backup[slot] === to) {
      sum.swaps++
      backup[slot] = primary[slot]!
    } else copy(slot)
    primary[slot] = to
  }
  return { ...sum, entries: Math.round(sum.entries), bytes: Math.round(sum.bytes) }
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
