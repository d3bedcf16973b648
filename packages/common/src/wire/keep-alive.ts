import { amount, count, malformed } from './checks.js'
import { MessageType, type Message } from './messages.js'

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

/** `handOver`: take everything off this server. `giveUp`: it knew of nobody who could take it when it was told to end. */
export const Leaving = { NO: 0, HAND_OVER: 1, GIVE_UP: 2 } as const
export type Leaving = (typeof Leaving)[keyof typeof Leaving]

/** A heartbeat of a cache server. */
export interface KeepAlive {
  readonly beat: number
  readonly leaving: Leaving
  /** Of the topology that it follows. */
  readonly epoch: number
  readonly version: number
  readonly load: Load
  /** The newest beat whose answer reached the server, or the newest before its link opened. */
  readonly answeredBeat: number
}

export function keepAliveMessage({ beat, leaving, epoch, version, load, answeredBeat }: KeepAlive): Message {
  const { primaryKeys, primaryBytes, backupKeys, backupBytes } = load
  const { evictions, backupEvictions, commands, rssBytes } = load
  const stored = [primaryKeys, primaryBytes, backupKeys, backupBytes]
  const statistics = [...stored, evictions, backupEvictions, commands, rssBytes]
  return [MessageType.KEEP_ALIVE, beat, leaving, epoch, version, statistics, answeredBeat]
}

/** @throws IcfError PROTOCOL */
export function readKeepAlive([, beat, leaving, epoch, version, load, answeredBeat]: Message): KeepAlive {
  return {
    beat: count(beat, 'beat of KEEP_ALIVE'),
    leaving: leaving === Leaving.HAND_OVER || leaving === Leaving.GIVE_UP ? leaving : Leaving.NO,
    epoch: count(epoch, 'epoch of KEEP_ALIVE'),
    version: count(version, 'version of KEEP_ALIVE'),
    load: readLoad(load),
    answeredBeat: count(answeredBeat, 'answered beat of KEEP_ALIVE'),
  }
}

function readLoad(load: unknown): Load {
  if (!Array.isArray(load)) throw malformed('statistics of KEEP_ALIVE', 'an array', load)
  const [primaryKeys, primaryBytes, backupKeys, backupBytes] = (load as unknown[]).slice(0, 4).map(amount)
  const [evictions, backupEvictions, commands, rssBytes] = (load as unknown[]).slice(4, 8).map(amount)
  return {
    primaryKeys: primaryKeys ?? 0,
    primaryBytes: primaryBytes ?? 0,
    backupKeys: backupKeys ?? 0,
    backupBytes: backupBytes ?? 0,
    evictions: evictions ?? 0,
    backupEvictions: backupEvictions ?? 0,
    commands: commands ?? 0,
    rssBytes: rssBytes ?? 0,
  }
}

/** The master's answer, which renews the lease: with the version that is in effect. */
export function leaseMessage(beat: number, epoch: number, version: number): Message {
  return [MessageType.KEEP_ALIVE, beat, epoch, version]
}

/** @returns the beat that is answered. @throws IcfError PROTOCOL */
export function readLease([, beat]: Message): number {
  return count(beat, 'beat of an answer to KEEP_ALIVE')
}
