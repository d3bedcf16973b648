import { interleave } from './interleave.js'
import { MAX_STEPS, nextStep, STAGES, type Step } from './steps.js'
import { NONE, type Columns, type Move, type MoveOrder } from './types.js'

/** A move and what is needed to put it in order and to count it. */
export interface PlannedMove extends Move {
  /** Nothing is copied: roles change, or there is no data, or a copy is given up. */
  readonly isCopy: boolean
  readonly isSwap: boolean
  /** Moves of a lower stage come first. Grows along the moves of one slot. */
  readonly stage: number
  /** Server that sends the data. */
  readonly source: number
}

/**
 * The moves that bring `current` to `wanted`, in the order in which to make them; those of one slot one at a time.
 * A slot that has no server in `wanted.primary` is left alone.
 *
 * Planning anew after any number of moves gives the remaining ones.
 */
export function plan(current: Columns, wanted: Columns, order: MoveOrder): Move[] {
  return interleave(planMoves(current, wanted, order)).map(({ slot, kind, from, to }) => ({
    slot,
    kind,
    from,
    to,
  }))
}

/** All moves by slot, those of a slot in executable order. */
export function planMoves(current: Columns, wanted: Columns, order: MoveOrder): PlannedMove[] {
  const moves: PlannedMove[] = []
  for (let slot = 0; slot < current.primary.length; slot++) {
    const wantedPrimary = wanted.primary[slot]!
    const wantedBackup = wanted.backup[slot]!
    let primary = current.primary[slot]!
    let backup = current.backup[slot]!
    const isEmpty = primary === NONE && backup === NONE
    let stage = -1
    for (let made = 0; made < MAX_STEPS; made++) {
      const step = nextStep(primary, backup, wantedPrimary, wantedBackup, order)
      if (!step) break
      stage = Math.max(STAGES[order][step.kind], stage + 1)
      const isSwap = step.kind === 'swap'
      const isCopy = !isEmpty && (step.kind === 'secure' || step.kind === 'backup' || step.kind === 'primary')
      const kind = isPrimaryStep(step) ? 'primary' : 'backup'
      const source = primary === NONE ? step.to : primary
      moves.push({
        slot,
        kind,
        from: kind === 'primary' ? primary : backup,
        to: step.to,
        isCopy,
        isSwap,
        stage,
        source,
      })
      if (kind === 'backup') backup = step.to
      else {
        if (step.to === backup) backup = primary
        primary = step.to
      }
    }
  }
  return moves
}

function isPrimaryStep({ kind }: Step): boolean {
  return kind === 'adopt' || kind === 'swap' || kind === 'primary'
}
