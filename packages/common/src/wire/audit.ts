import { keyOf, textOf, bytesOf, type Key } from '../key.js'
import { ANY_KEY } from './any-keys.js'
import type { Introduction } from './introduction.js'
import { count, malformed } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** In what a cache server says of itself: it can compare copies. Earlier releases say nothing. */
export const CAN_COMPARE = 1

/** Of a cache server to whoever opens a link to it. */
export const serverDetails: readonly number[] = Object.freeze([CAN_COMPARE, ANY_KEY])

/** Whether the backup at the other end takes COMPARE and LIST. */
export function canCompare({ details }: Introduction): boolean {
  return details[0] === CAN_COMPARE
}

/** What a backup has under the keys of one COMPARE, at that point of what its primary sends. */
export interface Compared {
  readonly slot: number
  readonly question: number
  /** Entries that it has of the slot. */
  readonly entries: number
  /** It evicted entries of the slot by itself. */
  readonly isParted: boolean
  /** Sequence number and checksum of each, flat; 0, 0 where it has nothing. Undefined: it has no complete copy of the slot. */
  readonly found: readonly number[] | undefined
}

export function comparedMessage({ slot, question, entries, isParted, found }: Compared): Message {
  return [MessageType.KEYS_COMPARED, slot, question, entries, isParted ? 1 : 0, found ?? null]
}

/** @throws IcfError PROTOCOL */
export function readCompared(
  [, slot, question, entries, parted, found]: Message,
  slotCount: number,
): Compared {
  const isFlat = Array.isArray(found) && found.length % 2 === 0
  if (found !== null && !isFlat)
    throw malformed('entries of KEYS_COMPARED', 'nil, or pairs of a sequence number and a checksum', found)
  if (isFlat) for (const value of found as unknown[]) count(value, 'entry of KEYS_COMPARED')
  return {
    slot: count(slot, 'slot of KEYS_COMPARED', slotCount - 1),
    question: count(question, 'question of KEYS_COMPARED'),
    entries: count(entries, 'number of entries of KEYS_COMPARED'),
    isParted: parted === 1,
    found: isFlat ? (found as number[]) : undefined,
  }
}

/** Some of the keys that a backup has. */
export interface Listed {
  readonly slot: number
  readonly question: number
  /** Undefined: it has no complete copy of the slot. */
  readonly keys: readonly Key[] | undefined
  /** Whether others may follow. */
  readonly hasMore: boolean
}

export function listedMessage({ slot, question, keys, hasMore }: Listed): Message {
  return [
    MessageType.KEYS_LISTED,
    slot,
    question,
    keys?.map((key) => textOf(key) ?? bytesOf(key)) ?? null,
    hasMore ? 1 : 0,
  ]
}

/** @throws IcfError PROTOCOL */
export function readListed([, slot, question, keys, hasMore]: Message, slotCount: number): Listed {
  const isList = Array.isArray(keys) && keys.every(isTextOrBytes)
  if (keys !== null && !isList)
    throw malformed('keys of KEYS_LISTED', 'nil, or an array of texts and bytes', keys)
  return {
    slot: count(slot, 'slot of KEYS_LISTED', slotCount - 1),
    question: count(question, 'question of KEYS_LISTED'),
    keys: isList ? keys.map(keyOf) : undefined,
    hasMore: hasMore === 1,
  }
}

function isTextOrBytes(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

/** Keys whose copies were found to differ, by how. */
export interface Differences {
  /** The backup had nothing, … */
  readonly missing: number
  /** … something that the primary has not, … */
  readonly extra: number
  /** … or something else. */
  readonly different: number
  /** Of these: they differed again after they had been sent anew. */
  readonly unmended: number
}

/** The slots that an AUDIT_SLOTS is about, and what names it: later ones of a term have greater numbers. */
export interface SlotsToAudit {
  readonly epoch: number
  readonly number: number
  readonly slots: readonly number[]
}

/** What came of comparing some slots. Those that were to be compared and are not among them could not be. */
export interface SlotsAudited extends SlotsToAudit, Differences {}

export function auditSlotsMessage({ epoch, number, slots }: SlotsToAudit): Message {
  return [MessageType.AUDIT_SLOTS, epoch, number, slots]
}

/** @throws IcfError PROTOCOL */
export function readAuditSlots([, epoch, number, slots]: Message, slotCount: number): SlotsToAudit {
  return {
    epoch: count(epoch, 'epoch of AUDIT_SLOTS'),
    number: count(number, 'number of AUDIT_SLOTS'),
    slots: slotsOf(slots, 'AUDIT_SLOTS', slotCount),
  }
}

export function slotsAuditedMessage(audited: SlotsAudited): Message {
  const { epoch, number, slots, missing, extra, different, unmended } = audited
  return [MessageType.SLOTS_AUDITED, epoch, number, slots, missing, extra, different, unmended]
}

/** @throws IcfError PROTOCOL */
export function readSlotsAudited(
  [, epoch, number, slots, missing, extra, different, unmended]: Message,
  slotCount: number,
): SlotsAudited {
  return {
    epoch: count(epoch, 'epoch of SLOTS_AUDITED'),
    number: count(number, 'number of SLOTS_AUDITED'),
    slots: slotsOf(slots, 'SLOTS_AUDITED', slotCount),
    missing: count(missing, 'missing keys of SLOTS_AUDITED'),
    extra: count(extra, 'extra keys of SLOTS_AUDITED'),
    different: count(different, 'different keys of SLOTS_AUDITED'),
    unmended: count(unmended, 'unmended keys of SLOTS_AUDITED'),
  }
}

function slotsOf(slots: unknown, message: string, slotCount: number): number[] {
  if (!Array.isArray(slots) || slots.length > slotCount)
    throw malformed(`slots of ${message}`, `an array of at most ${slotCount}`, slots)
  for (const slot of slots) count(slot, `slot of ${message}`, slotCount - 1)
  return slots as number[]
}
