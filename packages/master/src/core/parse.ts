import { IcfError, type Message, type ProbeOutcome } from '@icf/common'
import type { Completion } from './slots.js'

/** What a cache server says of itself in every heartbeat. */
export interface Load {
  readonly primaryKeys: number
  readonly primaryBytes: number
  readonly backupKeys: number
  readonly backupBytes: number
  readonly evictions: number
  readonly backupEvictions: number
  readonly commands: number
  readonly rssBytes: number
}

export interface KeepAlive {
  readonly beat: number
  /** The newest beat whose answer reached the server, or the newest before its link opened. */
  readonly answered: number
  readonly isLeaving: boolean
  /** It was told to end when it knew of nobody who could take its slots: its operator gives them up. */
  readonly isGivingUp: boolean
  readonly epoch: number
  readonly version: number
  readonly load: Load
}

/** A report about copies that one server made for another. */
export interface Report {
  /** Id of the receiver. */
  readonly to: string
  readonly entries: number
  readonly bytes: number
  readonly completions: readonly Completion[]
}

/** @throws IcfError PROTOCOL, as all of these */
export function readKeepAlive(message: Message): KeepAlive {
  const [, beat, leaving, epoch, version, load, answered] = message
  if (!Array.isArray(load)) throw malformed('KEEP_ALIVE')
  const at = (index: number): number => amount((load as unknown[])[index])
  return {
    beat: count(beat, 'KEEP_ALIVE'),
    answered: count(answered, 'KEEP_ALIVE'),
    isLeaving: leaving === 1 || leaving === 2,
    isGivingUp: leaving === 2,
    epoch: count(epoch, 'KEEP_ALIVE'),
    version: count(version, 'KEEP_ALIVE'),
    load: {
      primaryKeys: at(0),
      primaryBytes: at(1),
      backupKeys: at(2),
      backupBytes: at(3),
      evictions: at(4),
      backupEvictions: at(5),
      commands: at(6),
      rssBytes: at(7),
    },
  }
}

/** @param slotCount that there are */
export function readReport(message: Message, slotCount: number): Report {
  const [, to, entries, bytes, flat] = message
  if (typeof to !== 'string' || !Array.isArray(flat) || flat.length % 2 !== 0 || flat.length > 2 * slotCount)
    throw malformed('report of copies')
  const completions: Completion[] = []
  for (let i = 0; i < flat.length; i += 2) {
    const slot = count(flat[i], 'report of copies')
    if (slot >= slotCount) throw malformed('report of copies')
    completions.push({ slot, since: count(flat[i + 1], 'report of copies') })
  }
  return {
    to,
    entries: amount(entries),
    bytes: amount(bytes),
    completions,
  }
}

/** Id of the server whose connection broke. */
export function readSuspect(message: Message): string {
  if (typeof message[1] !== 'string') throw malformed('SUSPECT')
  return message[1]
}

export function readProbeResult(message: Message): { probe: number; outcome: ProbeOutcome } {
  const [, probe, outcome] = message
  if (outcome !== 'gone' && outcome !== 'alive' && outcome !== 'unknown') throw malformed('PROBE_RESULT')
  return { probe: count(probe, 'PROBE_RESULT'), outcome }
}

function count(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(what)
  return value as number
}

/** Statistics may be fractional, and one that is missing or out of order is no reason to drop a server. */
function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}

function malformed(what: string): IcfError {
  return new IcfError('PROTOCOL', `malformed ${what}`)
}
