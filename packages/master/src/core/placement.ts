// TEMPORARY: until placement is part of @icf/common.
import { NONE, SLOT_COUNT, type RingSettings } from '@icf/common'

export interface PlacementServer {
  readonly id: string
  readonly zone: string
  readonly weight: number
}
export interface Columns {
  readonly primary: Readonly<Uint16Array>
  readonly backup: Readonly<Uint16Array>
}
export interface Move {
  readonly slot: number
  readonly kind: 'backup' | 'primary'
  readonly from: number
  readonly to: number
}
export type MoveOrder = 'grow' | 'shrink' | 'restore'
export interface TargetInput {
  readonly servers: readonly PlacementServer[]
  readonly ring: RingSettings
  readonly current: Columns
  readonly pins?: ReadonlyMap<number, number>
}
export function target({ servers, current, pins = new Map() }: TargetInput): Columns {
  const total = servers.reduce((sum, s) => sum + s.weight, 0)
  if (total === 0) return current
  const active = servers.filter((s) => s.weight > 0).length
  const place = (column: Uint16Array, not: Uint16Array | undefined) => {
    const counts = new Float64Array(servers.length)
    const quota = servers.map((s) => (s.weight / total) * SLOT_COUNT)
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const at = column[slot]!
      if (
        at === NONE ||
        !(servers[at]?.weight! > 0) ||
        counts[at]! + 1 > quota[at]! + 1 ||
        not?.[slot] === at
      )
        column[slot] = NONE
      else counts[at]!++
    }
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (column[slot] !== NONE) continue
      let best = NONE
      for (let i = 0; i < servers.length; i++)
        if (
          servers[i]!.weight > 0 &&
          not?.[slot] !== i &&
          (best === NONE || counts[i]! / quota[i]! < counts[best]! / quota[best]!)
        )
          best = i
      column[slot] = best
      counts[best]!++
    }
    return column
  }
  const primary = place(current.primary.slice(), undefined)
  for (const [slot, seat] of pins) if (servers[seat]?.weight! > 0) primary[slot] = seat
  const backup = active > 1 ? place(current.backup.slice(), primary) : new Uint16Array(SLOT_COUNT).fill(NONE)
  return { primary, backup }
}
export function plan(current: Columns, wanted: Columns, _order: MoveOrder): Move[] {
  const missing: Move[] = []
  const backups: Move[] = []
  const primaries: Move[] = []
  const last: Move[] = []
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const [p, b, wp, wb] = [
      current.primary[slot]!,
      current.backup[slot]!,
      wanted.primary[slot]!,
      wanted.backup[slot]!,
    ]
    if (p === NONE && wp !== NONE) primaries.push({ slot, kind: 'primary', from: p, to: wp })
    if (p !== NONE && p !== wp && wp === b) {
      primaries.push({ slot, kind: 'primary', from: p, to: wp })
      if (wb !== p) last.push({ slot, kind: 'backup', from: p, to: wb })
      continue
    }
    if (p !== wp && p !== NONE && b === NONE) {
      missing.push({ slot, kind: 'backup', from: b, to: wp })
      primaries.push({ slot, kind: 'primary', from: p, to: wp })
      if (wb !== p) last.push({ slot, kind: 'backup', from: p, to: wb })
      continue
    }
    if (b !== wb && wb !== p) (b === NONE ? missing : backups).push({ slot, kind: 'backup', from: b, to: wb })
    if (p !== wp && p !== NONE) primaries.push({ slot, kind: 'primary', from: p, to: wp })
    if (b !== wb && wb === p) last.push({ slot, kind: 'backup', from: b, to: wb })
  }
  return [...missing, ...backups, ...primaries, ...last]
}
