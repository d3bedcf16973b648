import { NONE, type MoveOrder } from './types.js'

/**
 * When a step's turn comes, among the steps of all slots. A slot that has lost its primary comes first, one that has
 * no backup second: nothing else is as urgent. In between, backups move before primaries, but after a death, when promoted
 * primaries go back to their shares first.
 */
export const STAGES: Readonly<Record<MoveOrder, Readonly<Record<StepKind, number>>>> = {
  grow: { adopt: 0, secure: 1, backup: 2, primary: 3, swap: 3, drop: 6 },
  shrink: { adopt: 0, secure: 1, backup: 2, primary: 3, swap: 3, drop: 6 },
  restore: { adopt: 0, swap: 0, secure: 1, primary: 2, backup: 3, drop: 6 },
}

/**
 * - `adopt`: a slot without a primary gets one: its backup if it has one, else a server without data
 * - `secure`: a slot without a backup gets one
 * - `swap`: primary and backup change roles, nothing is copied
 * - `backup`, `primary`: a copy moves
 * - `drop`: the backup is given up, there being no server for it
 */
export type StepKind = 'adopt' | 'secure' | 'swap' | 'backup' | 'primary' | 'drop'

export interface Step {
  readonly kind: StepKind
  /** Server that gets the role. */
  readonly to: number
}

/** Steps that a slot needs at most: adopt, secure, swap. */
export const MAX_STEPS = 3

/**
 * The next step of a slot from (primary, backup) to the wanted pair, or undefined when it is there. It depends on
 * nothing else, so a plan made anew from any state on the way goes on where the last one was. Never are primary
 * and backup the same server in between, and a slot makes the fewest copies it can:
 *
 * ```
 * (A,B) → (B,A)   swap
 * (A,B) → (B,C)   swap, backup to C
 * (A,B) → (C,A)   backup to C, swap            one copy; primary first would make two
 * (A,B) → (C,B)   primary to C
 * (A,B) → (C,D)   backup to D, primary to C    restore: the other way round
 * (A,–) → (C,D)   backup to D, primary to C    in every order: a sole copy is secured first
 * (–,B) → (C,B)   adopt B, backup to C, swap
 * ```
 */
export function nextStep(
  primary: number,
  backup: number,
  wantedPrimary: number,
  wantedBackup: number,
  order: MoveOrder,
): Step | undefined {
  if (wantedPrimary === NONE) return undefined // no server is left
  if (primary === NONE) return { kind: 'adopt', to: backup === NONE ? wantedPrimary : backup }
  if (primary === wantedPrimary) return backup === wantedBackup ? undefined : backupStep(backup, wantedBackup)
  if (backup === wantedPrimary) return { kind: 'swap', to: backup }
  if (wantedBackup === primary) return backupStep(backup, wantedPrimary)
  const isBackupFirst = backup === NONE || order !== 'restore'
  const isBackupDue = backup !== wantedBackup && wantedBackup !== NONE
  return isBackupDue && isBackupFirst
    ? backupStep(backup, wantedBackup)
    : { kind: 'primary', to: wantedPrimary }
}

function backupStep(backup: number, to: number): Step {
  if (to === NONE) return { kind: 'drop', to }
  return { kind: backup === NONE ? 'secure' : 'backup', to }
}
