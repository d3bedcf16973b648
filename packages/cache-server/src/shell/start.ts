import { IcfError, limits } from '@icf/common'
import { formatAddress, machineIdentity, memoryWarning, nodeRuntime, type Address } from '@icf/common/node'
import type { Logger } from 'pino'
import { CacheServer, type RunningCacheServer } from './cache-server.js'
import { entryBudget, heapLimit, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES, NodeMemory } from './memory.js'

const MIB = 1024 ** 2

export interface CacheServerOptions {
  /** Address to listen on. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Host by which the others reach this server; default: `host`. */
  readonly advertiseHost?: string
  /** Port of the Redis face; 0: none. */
  readonly respPort: number
  readonly masters: readonly Address[]
  readonly cluster: string
  readonly zone: string
  /** What it dies with, with all other processes there; undefined: this host. */
  readonly machine?: string
  readonly weight: number
  /** What the whole process may take, in bytes; from 128 MiB to 32 GiB. */
  readonly maxMemoryBytes: number
  readonly logger: Logger
  /** Called with the id of each incarnation. */
  readonly onIncarnation?: (id: string) => void
}

/**
 * Starts a cache server: listens, finds its master, joins, and joins again when it was declared dead meanwhile.
 * @throws IcfError INVALID_ARGUMENT
 */
export async function startCacheServer(options: CacheServerOptions): Promise<RunningCacheServer> {
  checkOptions(options)
  const { host, port, advertiseHost = host, machine = machineIdentity() } = options
  const { cluster, masters, respPort, zone, weight, logger, onIncarnation } = options
  const tooMuch = memoryWarning(options.maxMemoryBytes, 1)
  if (tooMuch !== undefined) logger.warn(tooMuch)
  const maxMemoryBytes = usableMemory(options.maxMemoryBytes, logger)
  return new CacheServer(nodeRuntime, {
    address: { host, port },
    cluster,
    masters,
    advertised: { host: advertiseHost, respPort, zone, weight, maxMemoryBytes, machine },
    budgetBytes: entryBudget(maxMemoryBytes),
    memory: new NodeMemory(nodeRuntime),
    logger,
    begun: ({ id }) => onIncarnation?.(id),
  }).start()
}

/** No more than V8 lets into its heap: it would end the process, with all that it holds. */
function usableMemory(maxMemoryBytes: number, logger: Logger): number {
  const limitBytes = heapLimit()
  if (limitBytes >= maxMemoryBytes) return maxMemoryBytes
  const wanted = `NODE_OPTIONS=--max-old-space-size=${Math.ceil(maxMemoryBytes / MIB)}`
  logger.warn(
    { limitBytes, maxMemoryBytes },
    `Node.js does not let this process have all of --max-memory, and it takes less: start it with ${wanted}`,
  )
  return limitBytes
}

function checkOptions({
  masters,
  weight,
  maxMemoryBytes,
  zone,
  machine,
  host,
  port,
}: CacheServerOptions): void {
  const bad = (message: string): never => {
    throw new IcfError('INVALID_ARGUMENT', message)
  }
  if (masters.length === 0) bad('masters: at least one address is needed, for example 127.0.0.1:7000')
  if (!(weight >= 0 && weight <= limits.maxWeight))
    bad(`weight must be a number from 0 to ${limits.maxWeight}, got ${weight}`)
  if (!Number.isSafeInteger(maxMemoryBytes) || maxMemoryBytes < MIN_MEMORY_BYTES)
    bad(`max-memory must be at least ${MIN_MEMORY_BYTES / 1024 / 1024} MiB, got ${maxMemoryBytes} bytes`)
  if (maxMemoryBytes > MAX_MEMORY_BYTES)
    bad(
      `max-memory of one process is at most ${MAX_MEMORY_BYTES / 1024 ** 3} GiB, got ${maxMemoryBytes} bytes: start several (icf cache --processes)`,
    )
  if (machine !== undefined && (machine === '' || machine.length > limits.maxNameLength))
    bad(`machine must be 1 to ${limits.maxNameLength} characters`)
  if (zone.length > limits.maxNameLength) bad(`zone must be at most ${limits.maxNameLength} characters`)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    bad(`port must be from 0 to 65535, got ${formatAddress({ host, port })}`)
}
