import type { AuditStatus, Load, ServerInfo, Topology } from '@icf/common'
import type { Audit } from './audit.js'
import type { Counters } from './counters.js'
import type { Membership } from './membership.js'
import { countBySeat } from './draft.js'
import { countTogether, type Together } from './together.js'
import type { Pair } from './reachability.js'
import type { MovedTotals, MoveProgress, Progress } from './progress.js'
import type { Versions } from './versions.js'

/** One cache server of the topology in effect. */
export interface ServerSnapshot extends ServerInfo {
  readonly isConnected: boolean
  /** Its connection broke, or it missed several heartbeats: it may be dead. */
  readonly isQuiet: boolean
  /** It is silent, and what only it has waits for it. */
  readonly isAbsent: boolean
  /** Milliseconds since its last heartbeat. */
  readonly silentMs: number
  readonly primarySlots: number
  readonly backupSlots: number
  readonly maxMemoryBytes: number
  /** Of the last heartbeat; undefined before the first. */
  readonly load: Load | undefined
}

/** Everything that can be asked about a master, for STATUS, metrics and the dashboard. */
export interface Snapshot {
  readonly topology: Topology
  readonly isSettled: boolean
  readonly slotsServed: number
  readonly movesPending: number
  readonly transitions: number
  readonly together: Together
  /** Ids of servers that can not reach each other, by twos. */
  readonly unreachable: readonly Pair[]
  readonly progress: MoveProgress | undefined
  readonly totals: MovedTotals
  readonly counters: Readonly<Counters>
  /** Of this term. */
  readonly audited: Audit['totals']
  /** The newest of this term; undefined: there was none. */
  readonly audit: AuditStatus | undefined
  readonly servers: readonly ServerSnapshot[]
}

interface Counts {
  readonly primarySlots: Uint32Array
  readonly backupSlots: Uint32Array
  readonly together: Together
}

/** Whoever watches a cluster asks twice a second: what all slots are counted for is kept. */
const knownCounts = new WeakMap<Topology, Counts>()

export function takeSnapshot(
  now: number,
  { effective: { topology, outlook }, isPending }: Pick<Versions, 'effective' | 'isPending'>,
  membership: Membership,
  progress: Progress,
  counters: Counters,
  audit: Audit,
): Snapshot {
  const { primarySlots, backupSlots, together } = countsOf(topology)
  const servers: ServerSnapshot[] = []
  let slotsServed = 0
  topology.servers.forEach((info, seat) => {
    if (!info) return
    const member = membership.get(info.id)
    const isConnected = member?.link !== undefined
    const isAbsent = member?.absentSince !== undefined
    if (isConnected && !isAbsent) slotsServed += primarySlots[seat]!
    servers.push({
      ...info,
      isConnected,
      isQuiet: member === undefined || membership.isQuiet(member, now),
      isAbsent,
      silentMs: isAbsent ? now - member.absentSince! : membership.silence.of(info.id, now),
      primarySlots: primarySlots[seat]!,
      backupSlots: backupSlots[seat]!,
      maxMemoryBytes: member?.maxMemoryBytes ?? 0,
      load: member?.load,
    })
  })
  return {
    topology,
    // A quiet server may be dead: until that is known, nothing is settled; nor while a change is not in effect.
    isSettled: outlook.isSettled && !isPending && !servers.some(({ isQuiet }) => isQuiet),
    slotsServed,
    movesPending: outlook.movesPending,
    transitions: topology.transitions.size,
    together,
    unreachable: membership.reachability.pairs,
    progress: progress.current(outlook.movesPending, now),
    totals: progress.totals,
    counters,
    audited: audit.totals,
    audit: audit.status(now),
    servers,
  }
}

function countsOf(topology: Topology): Counts {
  let counts = knownCounts.get(topology)
  if (!counts) {
    const { primary, backup, servers } = topology
    counts = {
      primarySlots: countBySeat(primary, servers.length),
      backupSlots: countBySeat(backup, servers.length),
      together: countTogether(topology),
    }
    knownCounts.set(topology, counts)
  }
  return counts
}
