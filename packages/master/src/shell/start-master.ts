import {
  checkReachable,
  checkTiming,
  defaultTiming,
  IcfError,
  limits,
  type RingSettings,
  type Timing,
} from '@icf/common'
import { machineIdentity, nodeRuntime, type Address } from '@icf/common/node'
import type { Logger } from 'pino'
import { deathRehearsal } from '../core/warm-up.js'
import { AuditSchedule } from './audit-schedule.js'
import type { Coordination } from './coordination.js'
import { EtcdCoordination } from './etcd/etcd-coordination.js'
import type { EtcdOptions } from './etcd/gateway.js'
import { FileCoordination, MemoryCoordination } from './lone-coordination.js'
import { serveMaster, type RunningMaster } from './master.js'
import { FileVoteStore, MemoryVoteStore } from './voting/vote-store.js'
import { VotingCoordination } from './voting/voting-coordination.js'

export interface StartMasterOptions {
  /** Address to listen at. */
  readonly host: string
  /** By which others reach it, also after it was started again. Default: `host`. */
  readonly advertiseHost?: string
  /** 0 takes any free port. */
  readonly port: number
  /** Port for metrics, health and the JSON API; 0 takes any free port; none without it. */
  readonly httpPort?: number
  readonly cluster: string
  /** Where the state is kept; undefined: in memory only. Then a restart knows what the running servers tell it. */
  readonly dataDir: string | undefined
  /** The other masters: this one votes with them. Its own address may be among them. Undefined: there is no other. */
  readonly peers?: readonly Address[]
  /** Where masters find each other and keep the state: there may be others, and neither `dataDir` nor `peers` is used. */
  readonly etcd?: EtcdOptions
  /** Names what dies at once with this process. Default: this host, also for its containers. */
  readonly machine?: string
  readonly timing?: Timing
  /** For a new cluster; a stored one keeps its own. */
  readonly ring?: Partial<RingSettings>
  /** A server that is silent for this long is given up with what only it has. Default one hour. */
  readonly forgetAfterMs?: number
  /** When all slots are compared with their backups: a cron expression of five fields. Default: when somebody asks for it. */
  readonly audit?: string
  readonly logger: Logger
}

const DEFAULT_RING: RingSettings = { virtualNodes: 160, seed: 0 }

/** Enough, after the first, for V8 to have compiled what a death needs. */
const REHEARSALS = 11
/** When they begin, and how far apart they are: who comes back to a master that was started again is let in between them. */
const REHEARSE_AFTER_MS = 2000
const REHEARSAL_INTERVAL_MS = 100

/**
 * Starts a master; it serves when this resolves.
 * @throws IcfError INVALID_ARGUMENT when an option or an address does not allow it, STATE_UNAVAILABLE when its state does not
 */
export async function startMaster(options: StartMasterOptions): Promise<RunningMaster> {
  const { host, port, httpPort, cluster, forgetAfterMs, audit, logger } = options
  const { advertiseHost = host, machine = machineIdentity() } = options
  const timing = checkTiming(options.timing ?? defaultTiming)
  const ring = checkRing({ ...DEFAULT_RING, ...options.ring })
  const auditSchedule = audit === undefined ? undefined : new AuditSchedule(audit)
  checkCluster(cluster)
  checkReachable(advertiseHost, 'master')
  // The first one takes longest. While the port is closed, cache servers know that nobody can take their slots away.
  const rehearse = deathRehearsal(ring)
  rehearse()
  const master = await serveMaster(nodeRuntime, {
    address: { host, port },
    advertiseHost,
    machine,
    ...(httpPort !== undefined && { httpPort }),
    cluster,
    coordination: coordinationFor(options, timing),
    timing,
    ring,
    ...(forgetAfterMs !== undefined && { forgetAfterMs }),
    ...(auditSchedule && { auditSchedule }),
    logger,
  })
  setTimeout(() => warmUp(rehearse, REHEARSALS), REHEARSE_AFTER_MS).unref()
  return master
}

function warmUp(rehearse: () => void, rounds: number): void {
  rehearse()
  if (rounds > 1) setTimeout(() => warmUp(rehearse, rounds - 1), REHEARSAL_INTERVAL_MS).unref()
}

function coordinationFor(options: StartMasterOptions, timing: Timing): Coordination {
  const { dataDir, cluster, logger, peers, etcd } = options
  const { wallTimeMs } = nodeRuntime
  if (etcd) return new EtcdCoordination(nodeRuntime, { cluster, etcd, timing, logger })
  if (peers) {
    const store = dataDir === undefined ? new MemoryVoteStore() : new FileVoteStore(dataDir, cluster)
    return new VotingCoordination(nodeRuntime, { cluster, peers, timing, store, logger })
  }
  if (dataDir !== undefined) return new FileCoordination(dataDir, cluster, wallTimeMs)
  logger.warn('the state is kept in memory only: after a restart, the cache servers that run tell it')
  return new MemoryCoordination(wallTimeMs)
}

function checkCluster(cluster: string): void {
  if (cluster === '' || cluster.length > limits.maxNameLength)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `the cluster's name must have 1 to ${limits.maxNameLength} characters`,
    )
}

function checkRing(ring: RingSettings): RingSettings {
  const { virtualNodes, seed } = ring
  if (!Number.isInteger(virtualNodes) || virtualNodes < 1 || virtualNodes > 10_000)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `virtualNodes must be a whole number from 1 to 10000, got ${virtualNodes}`,
    )
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `the ring's seed must be a whole number from 0 to 4294967295, got ${seed}`,
    )
  return ring
}
