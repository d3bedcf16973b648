import { NONE, type Completion, type Intent } from '@icf/common'
import type { Draft } from './draft.js'

/**
 * The life of one slot:
 *
 *     primary, backup ──begin──▶ primary, backup, transition ──report──▶ new primary or backup
 *                     ◀─cancel──              │
 *                                           death of the primary: backup promoted, else who had all in the version
 *                                             before, else the receiver, else anyone
 *                                           its silence: backup promoted, else nothing
 */

/** @returns whether the report was about the slot's present transition, and so took effect. */
export function complete(
  draft: Draft,
  reporter: number,
  to: number,
  intent: Intent,
  done: Completion,
): boolean {
  const { slot, since } = done
  const transition = draft.transitions.get(slot)
  const isCurrent =
    transition !== undefined &&
    draft.primary[slot] === reporter &&
    transition.to === to &&
    transition.since === since &&
    transition.intent === intent
  if (!isCurrent) return false
  draft.cancel(slot)
  if (intent === 'backup') {
    draft.setBackup(slot, to)
    return true
  }
  // The old primary has all that the new one has: it is a backup where that was the new one, or where there is none.
  if (draft.backup[slot] === to || draft.backup[slot] === NONE) draft.setBackup(slot, reporter)
  draft.setPrimary(slot, to)
  return true
}

/** What was taken over from silent servers, in slots. */
export interface StandIn {
  /** The backup became the primary. */
  readonly promoted: number
  /** Lost their backup and nothing else. */
  readonly unprotected: number
}

/**
 * Silent servers may be dead, or come back with what they have. What a server that is present has too, it takes over; what
 * none has, stays as it is: silence alone, of however many, never takes the last copy of a slot away. A server that is
 * neither silent nor present may be about to fall silent as well: nothing is built on it.
 */
export function standIn(draft: Draft, silent: ReadonlySet<number>, present: ReadonlySet<number>): StandIn {
  let [promoted, unprotected] = [0, 0]
  const slotCount = draft.primary.length
  for (let slot = 0; slot < slotCount; slot++) {
    const [primary, backup] = [draft.primary[slot]!, draft.backup[slot]!]
    if (silent.has(primary) && present.has(backup)) {
      draft.cancel(slot)
      draft.setPrimary(slot, backup)
      draft.setBackup(slot, NONE)
      promoted++
    } else if (present.has(primary)) {
      if (silent.has(backup)) {
        draft.setBackup(slot, NONE)
        unprotected++
      }
      const transition = draft.transitions.get(slot)
      if (transition && silent.has(transition.to)) draft.cancel(slot)
    }
  }
  return { promoted, unprotected }
}

/** Slots of which nobody but these seats has a complete copy. */
export function onlyCopies(
  { primary, backup }: Pick<Draft, 'primary' | 'backup'>,
  seats: ReadonlySet<number>,
): number {
  const isOnlyOn = (slot: number): boolean =>
    seats.has(primary[slot]!) && (backup[slot] === NONE || seats.has(backup[slot]!))
  return primary.reduce((count, _, slot) => count + (isOnlyOn(slot) ? 1 : 0), 0)
}

/** Whether a seat has a copy of a slot of which somebody has another who is not `out`: silent or isolated. */
export function sharesSlots(
  { primary, backup }: Pick<Draft, 'primary' | 'backup'>,
  seat: number,
  out: ReadonlySet<number>,
): boolean {
  const isThere = (other: number): boolean => other !== NONE && !out.has(other)
  return primary.some(
    (owner, slot) => (owner === seat && isThere(backup[slot]!)) || (backup[slot] === seat && isThere(owner)),
  )
}

/** What a burial did, in slots. */
export interface Burial {
  /** Another complete copy, in general the backup, became the primary: nothing is lost. */
  promoted: number
  /** Only an incomplete copy was left, which now serves. */
  partial: number
  /** No copy was left. They have no primary until one is chosen. */
  lost: number
  /** Lost their backup and nothing else. */
  unprotected: number
}

/** Takes dead servers out, all at once: several deaths are one event, so that none promotes another's victim. */
export function bury(draft: Draft, dead: ReadonlySet<number>): Burial {
  const burial: Burial = { promoted: 0, partial: 0, lost: 0, unprotected: 0 }
  for (const seat of dead) {
    draft.unpin(draft.servers[seat]!.id)
    draft.setServer(seat, undefined)
  }
  const slotCount = draft.primary.length
  for (let slot = 0; slot < slotCount; slot++) {
    const backup = draft.backup[slot]!
    const hasLostBackup = dead.has(backup)
    if (hasLostBackup) draft.setBackup(slot, NONE)
    if (dead.has(draft.primary[slot]!)) replacePrimary(draft, slot, dead, burial)
    else if (hasLostBackup) burial.unprotected++
    const transition = draft.transitions.get(slot)
    if (transition && dead.has(transition.to)) draft.cancel(slot)
  }
  return burial
}

function replacePrimary(draft: Draft, slot: number, dead: ReadonlySet<number>, burial: Burial): void {
  const backup = draft.backup[slot]!
  const heir = backup === NONE ? holderBefore(draft, slot) : backup
  const receiver = draft.transitions.get(slot)?.to ?? NONE
  draft.cancel(slot)
  if (heir !== NONE) {
    draft.setPrimary(slot, heir)
    draft.setBackup(slot, NONE)
    burial.promoted++
  } else if (receiver !== NONE && !dead.has(receiver)) {
    draft.setPrimary(slot, receiver)
    burial.partial++
  } else {
    draft.setPrimary(slot, NONE)
    burial.lost++
  }
}

/**
 * Who has all of the slot by the version before this one, and is still a member. Nobody has followed this version yet: so
 * whom it has taken the slot from, perhaps because of silence, has not dropped it, and whom it was given to wrote nothing.
 */
function holderBefore({ primaryBefore, backupBefore, servers }: Draft, slot: number): number {
  const holders = [primaryBefore[slot]!, backupBefore[slot]!]
  return holders.find((seat) => seat !== NONE && servers[seat] !== undefined) ?? NONE
}
