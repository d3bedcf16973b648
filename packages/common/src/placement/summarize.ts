import { planMoves } from './plan.js'
import { NONE, type Columns, type MoveOrder } from './types.js'

export interface ServerChange {
  /** Index of the server. */
  readonly index: number
  readonly primariesBefore: number
  readonly primariesAfter: number
  readonly backupsBefore: number
  readonly backupsAfter: number
}

/** What a plan would do, in slots. */
export interface PlanSummary {
  /** All moves of kind `primary`, swaps included. */
  readonly primaryMoves: number
  readonly backupMoves: number
  /** Primary moves that only exchange the roles of a slot's two servers. */
  readonly swaps: number
  /** Moves that send a slot's data over the network. */
  readonly copies: number
  /** Every server that holds a slot before or after, by index. */
  readonly perServer: readonly ServerChange[]
}

/** A dry run: the numbers of `plan(current, wanted, order)`. */
export function summarize(current: Columns, wanted: Columns, order: MoveOrder): PlanSummary {
  const moves = planMoves(current, wanted, order)
  const primaryMoves = moves.filter(({ kind }) => kind === 'primary').length
  return {
    primaryMoves,
    backupMoves: moves.length - primaryMoves,
    swaps: moves.filter(({ isSwap }) => isSwap).length,
    copies: moves.filter(({ isCopy }) => isCopy).length,
    perServer: perServer(current, wanted),
  }
}

function perServer(current: Columns, wanted: Columns): ServerChange[] {
  const primariesBefore = countSlots(current.primary)
  const primariesAfter = countSlots(wanted.primary)
  const backupsBefore = countSlots(current.backup)
  const backupsAfter = countSlots(wanted.backup)
  const changes: ServerChange[] = []
  for (let index = 0; index < NONE; index++) {
    const before = { primariesBefore: primariesBefore[index]!, backupsBefore: backupsBefore[index]! }
    const after = { primariesAfter: primariesAfter[index]!, backupsAfter: backupsAfter[index]! }
    const held = before.primariesBefore + before.backupsBefore + after.primariesAfter + after.backupsAfter
    if (held > 0) changes.push({ index, ...before, ...after })
  }
  return changes
}

function countSlots(column: Readonly<Uint16Array>): Uint16Array {
  const counts = new Uint16Array(NONE + 1)
  for (const server of column) counts[server]!++
  return counts
}
