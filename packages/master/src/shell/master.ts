import type { RingSettings, Runtime, Timing } from '@icf/common'
import { formatAddress, type Address, type Listener } from '@icf/common/node'
import type { Logger } from 'pino'
import { MasterCore } from '../core/index.js'
import type { Administration } from './admin.js'
import type { Coordination } from './coordination.js'
import { EventLog } from './event-log.js'
import { listenHttp, type HttpPort } from './http-port.js'
import { renderMetrics } from './metrics.js'
import { listenNative } from './native-port.js'
import { Runner } from './runner.js'
import { selectServers } from './select.js'
import { statusOf, type SelfDescription } from './status.js'

export interface MasterOptions {
  /** To listen at, and to be told to others; port 0: any that is free. */
  readonly address: Address
  /** Port for metrics, health and the JSON API; 0: any that is free; none without it. */
  readonly httpPort?: number
  readonly cluster: string
  readonly coordination: Coordination
  readonly timing: Timing
  /** For a new cluster; a stored one keeps its own. */
  readonly ring: RingSettings
  /** Of a new cluster; all its processes must have the same. Default SLOT_COUNT. */
  readonly slotCount?: number
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

/**
 * A master on whatever runtime; it serves when this resolves.
 * @throws IcfError INVALID_ARGUMENT when an address does not allow it, STATE_UNAVAILABLE when its state does not
 */
export async function serveMaster(
  runtime: Runtime,
  options: MasterOptions,
): Promise<RunningMaster & { readonly core: MasterCore }> {
  const { cluster, coordination, timing, ring, slotCount, forgetAfterMs, logger } = options
  const { epoch, stored } = await coordination.begin()
  const id = runtime.newId()
  const core = new MasterCore(runtime.now(), {
    epoch,
    timing,
    ring,
    ...(slotCount !== undefined && { slotCount }),
    returnWindowMs: RETURN_WINDOW_MS,
    ...(stored && { stored }),
    ...(forgetAfterMs !== undefined && { forgetAfterMs }),
  })
  const eventLog = new EventLog(stored?.events ?? [])
  const runner = new Runner(runtime, { core, coordination, eventLog, logger, cluster, masterId: id })
  const self = {
    id,
    cluster,
    address: options.address,
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
    const administration = administrationOf(runtime, core, runner, eventLog, self)
    const native = { address: self.address, cluster, masterId: id, timing, core, runner, administration }
    const listener = await listenNative(runtime, native)
    ports.push(listener)
    self.address = listener.address
    const http = await openHttp(runtime, options, core, runner, administration)
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
  let closing: Promise<void> | undefined
  return { id, core, address, httpAddress, close: () => (closing ??= close()) }
}

type Closable = Pick<Listener, 'close'>

async function openHttp(
  runtime: Runtime,
  { address, httpPort }: MasterOptions,
  core: MasterCore,
  runner: Runner,
  administration: Administration,
): Promise<HttpPort | undefined> {
  if (httpPort === undefined) return undefined
  return listenHttp({
    address: { host: address.host, port: httpPort },
    administration,
    isReady: () => runner.isReady,
    metrics: () => renderMetrics(core.snapshot(runtime.now()), runner),
  })
}

function administrationOf(
  runtime: Runtime,
  core: MasterCore,
  runner: Runner,
  eventLog: EventLog,
  self: SelfDescription,
): Administration {
  return {
    status: () => statusOf(core.snapshot(runtime.now()), self),
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
