import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { checkTiming, defaultTiming, IcfError, limits, type RingSettings, type Timing } from '@icf/common'
import { formatAddress, type Address, type Listener } from '@icf/common/node'
import type { Logger } from 'pino'
import { MasterCore } from '../core/index.js'
import { rehearseDeath } from '../core/warm-up.js'
import type { Administration } from './admin.js'
import { FileCoordination, MemoryCoordination, type Coordination } from './coordination.js'
import { EventLog } from './event-log.js'
import { listenHttp, type HttpPort } from './http-port.js'
import { renderMetrics } from './metrics.js'
import { listenNative } from './native-port.js'
import { Runner } from './runner.js'
import { selectServers } from './select.js'
import { statusOf, type SelfDescription } from './status.js'

export interface StartMasterOptions {
  /** Address to listen at, and to be told to others. */
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Port for metrics, health and the JSON API; 0 takes any free port; none without it. */
  readonly httpPort?: number
  readonly cluster: string
  /** Where the state is kept; undefined: in memory only. Then a restart knows what the running servers tell it. */
  readonly dataDir: string | undefined
  readonly timing?: Timing
  /** For a new cluster; a stored one keeps its own. */
  readonly ring?: Partial<RingSettings>
  /** A server that is silent for this long is given up with what only it has. Default one hour. */
  readonly forgetAfterMs?: number
  readonly logger: Logger
}

export interface RunningMaster {
  readonly id: string
  readonly address: Address
  readonly httpAddress: Address | undefined
  /** Closes every connection; what was decided is on disk already. Idempotent. */
  close(): Promise<void>
}

/** Cache servers that lost their master look for it several times in this time. */
const RETURN_WINDOW_MS = 500

const DEFAULT_RING: RingSettings = { virtualNodes: 160, seed: 0 }

/** Enough for V8 to have compiled what a death needs. */
const REHEARSALS = 12

/**
 * Starts a master; it serves when this resolves.
 * @throws IcfError INVALID_ARGUMENT when an option or an address does not allow it, STATE_UNAVAILABLE when its state does not
 */
export async function startMaster(options: StartMasterOptions): Promise<RunningMaster> {
  const { host, cluster, logger } = options
  const timing = checkTiming(options.timing ?? defaultTiming)
  const ring = checkRing({ ...DEFAULT_RING, ...options.ring })
  checkCluster(cluster)
  const coordination = coordinationFor(options)
  const { epoch, stored } = await coordination.begin()
  const id = randomBytes(20).toString('hex')
  const core = new MasterCore(performance.now(), {
    epoch,
    timing,
    ring,
    returnWindowMs: RETURN_WINDOW_MS,
    ...(stored && { stored }),
    ...(options.forgetAfterMs !== undefined && { forgetAfterMs: options.forgetAfterMs }),
  })
  const eventLog = new EventLog(stored?.events ?? [])
  const runner = new Runner({ core, coordination, eventLog, logger, cluster, masterId: id })
  const self = {
    id,
    cluster,
    address: { host, port: options.port },
    httpAddress: undefined as Address | undefined,
  }
  const ports: Closable[] = []
  const close = async (): Promise<void> => {
    try {
      await runner.close()
    } finally {
      for (const port of ports) await port.close()
      await coordination.end()
    }
  }
  try {
    const administration = administrationOf(core, runner, eventLog, self)
    const native = { address: self.address, cluster, masterId: id, timing, core, runner, administration }
    const listener = await listenNative(native)
    ports.push(listener)
    self.address = listener.address
    const http = await openHttp(options, core, runner, administration)
    if (http) ports.push(http)
    self.httpAddress = http?.address
    // Nothing is logged or saved of a start that fails for want of a port.
    await runner.start()
  } catch (error) {
    // What keeps the state from being saved fails both: it is said once.
    await close().catch(() => undefined)
    throw error
  }
  const { address, httpAddress } = self
  logger.info({ address: formatAddress(address), cluster, epoch, id }, 'the master serves')
  warmUp(ring)
  let closing: Promise<void> | undefined
  return { id, address, httpAddress, close: () => (closing ??= close()) }
}

/** Spread out, so that heartbeats are answered between. */
function warmUp(ring: RingSettings, rounds = REHEARSALS): void {
  rehearseDeath(ring)
  if (rounds > 1) setTimeout(() => warmUp(ring, rounds - 1), 20).unref()
}

type Closable = Pick<Listener, 'close'>

async function openHttp(
  { host, httpPort }: StartMasterOptions,
  core: MasterCore,
  runner: Runner,
  administration: Administration,
): Promise<HttpPort | undefined> {
  if (httpPort === undefined) return undefined
  return listenHttp({
    address: { host, port: httpPort },
    administration,
    isReady: () => runner.isReady,
    metrics: () => renderMetrics(core.snapshot(performance.now()), runner),
  })
}

function administrationOf(
  core: MasterCore,
  runner: Runner,
  eventLog: EventLog,
  self: SelfDescription,
): Administration {
  return {
    status: () => statusOf(core.snapshot(performance.now()), self),
    topology: () => core.topology,
    plan: () => core.preview([]),
    async shutdown(selectors, isDryRun) {
      const servers = selectServers(core.topology, selectors)
      const plan = core.preview(servers)
      if (!isDryRun) await runner.order('shutdown', servers)
      return { servers, plan }
    },
    async forget(selectors, isDryRun) {
      const servers = selectServers(core.topology, selectors)
      const slots = core.onlyCopiesOf(servers)
      if (!isDryRun) await runner.order('forget', servers)
      return { servers, slots }
    },
    events: (since) => eventLog.since(since),
    follow: (reader) => eventLog.follow(reader),
  }
}

function coordinationFor({ dataDir, cluster, logger }: StartMasterOptions): Coordination {
  const wallTimeMs = (): number => Date.now()
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
