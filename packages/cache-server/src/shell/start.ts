import { IcfError, limits, type Role } from '@icf/common'
import { formatAddress, listen, type Address, type Listener } from '@icf/common/node'
import type { Logger } from 'pino'
import { Incarnation } from './incarnation.js'
import { machineIdentity } from './machine.js'
import { entryBudget, MIN_MEMORY_BYTES } from './memory.js'

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
  /** What the whole process may take, in bytes; from 128 MiB. */
  readonly maxMemoryBytes: number
  readonly logger: Logger
  /** Called with the id of each incarnation. */
  readonly onIncarnation?: (id: string) => void
}

export interface RunningCacheServer {
  /** Changes when the server was declared dead and joins anew. */
  readonly id: string
  readonly address: Address
  /** Resolves when everything was handed over; rejects with IcfError when the master refuses it at its start. */
  readonly closed: Promise<void>
  /** SHUTDOWN_CACHE of itself: resolves, like `closed`, when the last slot is handed over. */
  shutdown(): Promise<void>
  /** Ends at once, without handing anything over. */
  kill(): Promise<void>
}

/**
 * Starts a cache server: listens, finds its master, joins, and joins again when it was declared dead meanwhile.
 * @throws IcfError INVALID_ARGUMENT
 */
export async function startCacheServer(options: CacheServerOptions): Promise<RunningCacheServer> {
  checkOptions(options)
  return new CacheServer(options).start()
}

class CacheServer {
  readonly #options: CacheServerOptions
  #incarnation!: Incarnation
  #listener!: Listener
  #leaving = false
  #settle!: { resolve: () => void; reject: (error: IcfError) => void }
  readonly #closed = new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject }))

  constructor(options: CacheServerOptions) {
    this.#options = options
    this.#closed.catch(() => undefined)
  }

  async start(): Promise<RunningCacheServer> {
    const { host, port, cluster } = this.#options
    this.#listener = await listen({ host, port }, cluster, {
      admit: ({ role }) => checkRole(role),
      introduce: () => this.#incarnation.welcome(),
      staging: (hello) => this.#incarnation.stagingFor(hello),
      opened: (link) => this.#incarnation.accept(link),
      closed: (link) => this.#incarnation.linkClosed(link),
    })
    this.#begin(false)
    const current = (): Incarnation => this.#incarnation
    return {
      get id() {
        return current().id
      },
      address: this.#listener.address,
      closed: this.#closed,
      shutdown: () => this.#shutdown(),
      kill: () => this.#end(() => this.#settle.resolve()),
    }
  }

  #begin(isRejoining: boolean): void {
    const { cluster, masters, maxMemoryBytes, logger, host, advertiseHost, respPort, zone, weight, machine } =
      this.#options
    const incarnation = new Incarnation({
      cluster,
      masters,
      budgetBytes: entryBudget(maxMemoryBytes),
      logger,
      isRejoining,
      registration: [
        advertiseHost ?? host,
        this.#listener.address.port,
        respPort,
        zone,
        weight,
        maxMemoryBytes,
      ],
      machine: machine ?? machineIdentity(),
      fenced: () => this.#rejoin(incarnation),
      released: () => void this.#end(() => this.#settle.resolve()),
      refused: (error) => void this.#end(() => this.#settle.reject(error)),
    })
    this.#incarnation = incarnation
    this.#options.onIncarnation?.(incarnation.id)
    if (this.#leaving) incarnation.leave()
  }

  #rejoin(over: Incarnation): void {
    if (over !== this.#incarnation) return
    this.#options.logger.warn(
      { id: over.id },
      'was declared dead: its data is worth nothing any more, joining anew without it',
    )
    over.stop()
    this.#begin(true)
  }

  #shutdown(): Promise<void> {
    this.#leaving = true
    if (this.#incarnation.isMember) this.#incarnation.leave()
    else void this.#end(() => this.#settle.resolve())
    return this.#closed
  }

  async #end(settle: () => void): Promise<void> {
    this.#incarnation.stop()
    await this.#listener.close()
    settle()
  }
}

function checkRole(role: Role): void {
  if (role !== 'client' && role !== 'cache-server' && role !== 'probe')
    throw new IcfError(
      'WRONG_ROLE',
      `this is a cache server; it has nothing for a ${role}: connect to a master instead`,
    )
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
  if (!(weight >= 0 && weight <= 1000)) bad(`weight must be a number from 0 to 1000, got ${weight}`)
  if (!Number.isSafeInteger(maxMemoryBytes) || maxMemoryBytes < MIN_MEMORY_BYTES)
    bad(`max-memory must be at least ${MIN_MEMORY_BYTES / 1024 / 1024} MiB, got ${maxMemoryBytes} bytes`)
  if (machine !== undefined && (machine === '' || machine.length > limits.maxNameLength))
    bad(`machine must be 1 to ${limits.maxNameLength} characters`)
  if (zone.length > limits.maxNameLength) bad(`zone must be at most ${limits.maxNameLength} characters`)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    bad(`port must be from 0 to 65535, got ${formatAddress({ host, port })}`)
}
