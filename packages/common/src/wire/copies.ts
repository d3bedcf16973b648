import { amount, count, malformed, text } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** This slot's copy, which the transition `since` asked for, is complete. */
export interface Completion {
  readonly slot: number
  readonly since: number
}

/** A report about copies that one server made for another. */
export interface CopiesReport {
  /** Id of the receiver. */
  readonly to: string
  readonly entries: number
  readonly bytes: number
  readonly completions: readonly Completion[]
}

/** The copies are complete and in step. */
export function slotsCopiedMessage(report: CopiesReport): Message {
  return [MessageType.SLOTS_COPIED, ...fieldsOf(report)]
}

/** The slots are parked, and all that was written is on the copies: the receiver may be their primary. */
export function slotsHandedOffMessage(report: CopiesReport): Message {
  return [MessageType.SLOTS_HANDED_OFF, ...fieldsOf(report)]
}

function fieldsOf({ to, entries, bytes, completions }: CopiesReport): unknown[] {
  return [to, entries, bytes, completions.flatMap(({ slot, since }) => [slot, since])]
}

/**
 * Of either kind.
 * @param slotCount that there are
 * @throws IcfError PROTOCOL
 */
export function readCopiesReport([, to, entries, bytes, flat]: Message, slotCount: number): CopiesReport {
  if (!Array.isArray(flat) || flat.length % 2 !== 0 || flat.length > 2 * slotCount)
    throw malformed(
      'slots of a report of copies',
      `an array of at most ${slotCount} pairs of a slot and a version`,
      flat,
    )
  const completions: Completion[] = []
  for (let i = 0; i < flat.length; i += 2) {
    const slot = count(flat[i], 'slot of a report of copies', slotCount - 1)
    completions.push({ slot, since: count(flat[i + 1], 'version of a report of copies') })
  }
  return {
    to: text(to, 'receiver of a report of copies'),
    entries: amount(entries),
    bytes: amount(bytes),
    completions,
  }
}
