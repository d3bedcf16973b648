import { IcfError, type Address, type Role, type Runtime } from '@icf/common'
import { listen, type Listener } from '@icf/common/node'
import type { Logger } from 'pino'
import { Incarnation, type IncarnationOptions } from './incarnation.js'

interface Options extends Pick<
  IncarnationOptions,
  'cluster' | 'masters' | 'advertised' | 'budgetBytes' | 'slotCount' | 'memory'
> {
  /** To listen at; port 0: any that is free. */
  readonly address: Address
  readonly logger: Logger
  /** Called with each incarnation as it begins. */
  begun(incarnation: Incarnation): void
}

export type { Incarnation }

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

/** A cache server on whatever runtime: one listener, and one incarnation after the other behind it. */
export class CacheServer {
  readonly #runtime: Runtime
  readonly #options: Options
  #incarnation!: Incarnation
  #listener!: Listener
  #leaving = false
  #settle!: { resolve: () => void; reject: (error: IcfError) => void }
  readonly #closed = new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject }))

  constructor(runtime: Runtime, options: Options) {
    this.#runtime = runtime
    this.#options = options
    this.#closed.catch(() => undefined)
  }

  async start(): Promise<RunningCacheServer> {
    const { address, cluster } = this.#options
    this.#listener = await listen(this.#runtime, address, cluster, {
      admit: (hello) => {
        checkRole(hello.role)
        this.#incarnation.admit(hello)
      },
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
    const incarnation = new Incarnation(this.#runtime, {
      ...this.#options,
      port: this.#listener.address.port,
      isRejoining,
      fenced: () => this.#rejoin(incarnation),
      released: () => void this.#end(() => this.#settle.resolve()),
      refused: (error) => void this.#end(() => this.#settle.reject(error)),
    })
    this.#incarnation = incarnation
    this.#options.begun(incarnation)
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
