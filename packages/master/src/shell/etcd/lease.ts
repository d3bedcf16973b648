import type { Runtime, Timer } from '@icf/common'
import type { EtcdGateway } from './gateway.js'

/** Asked for, in seconds; etcd grants no less than one and a half times its election timeout: 2 s by default. */
const TTL_S = 2
/** Of the time to live: after that it counts as over here, as clocks may run at rates up to 10 % apart. */
const SAFE_PART = 0.8
/** Keepalives within the time to live. */
const BEATS = 5

export interface LeasePorts {
  /** A lease begins: what is to be bound to it has to be put again. Until that resolves, it is not kept alive. */
  granted(id: string): Promise<void>
  /** It is gone, and so is what was bound to it. */
  lost(id: string): void
  failed(error: unknown): void
}

/** A lease in etcd that is kept alive, or had anew, for as long as this process lives. */
export class EtcdLease {
  #id: string | undefined
  #ttlMs = TTL_S * 1000
  #until = -Infinity
  #timer: Timer | undefined
  #isStopped = false

  constructor(
    private readonly runtime: Runtime,
    private readonly gateway: EtcdGateway,
    private readonly ports: LeasePorts,
  ) {}

  /** Undefined while there is none. One that is over by `until` may yet be kept alive. */
  get id(): string | undefined {
    return this.#id
  }

  /** Until then, by the runtime's clock, etcd has what is bound to the lease. */
  get until(): number {
    return this.#until
  }

  start(): void {
    void this.#run()
  }

  /** Gives it back, with all that is bound to it, if etcd can be reached. */
  async end(deadlineMs: number): Promise<void> {
    this.#isStopped = true
    this.runtime.clear(this.#timer)
    const id = this.#id
    this.#forget()
    if (id === undefined) return
    await this.gateway.call('/v3/lease/revoke', { ID: id }, deadlineMs).catch(() => undefined)
  }

  async #run(): Promise<void> {
    if (this.#isStopped) return
    try {
      if (this.#id === undefined) await this.#grant()
      else await this.#keepAlive(this.#id)
    } catch (error) {
      if (!this.#isStopped) this.ports.failed(error)
    }
    if (this.#isStopped) return
    this.#timer = this.runtime.setTimeout(() => void this.#run(), this.#ttlMs / BEATS)
  }

  async #grant(): Promise<void> {
    const sentAt = this.runtime.now()
    const { ID, TTL } = await this.gateway.call('/v3/lease/grant', { TTL: String(TTL_S) }, this.#ttlMs / 2)
    const ttlS = Number(TTL)
    if (typeof ID !== 'string' || !(ttlS > 0)) throw new Error('etcd granted a lease without an id or a time')
    await this.ports.granted(ID)
    if (this.#isStopped) return
    this.#id = ID
    this.#ttlMs = ttlS * 1000
    this.#until = sentAt + this.#ttlMs * SAFE_PART
  }

  /** Counted from when it was sent: etcd can not have heard it earlier. */
  async #keepAlive(id: string): Promise<void> {
    const sentAt = this.runtime.now()
    const { result } = await this.gateway.call('/v3/lease/keepalive', { ID: id }, this.#ttlMs / 2)
    // That a lease is gone is no error to etcd: its answer has no time to live then.
    const ttlS = Number((result as { TTL?: unknown } | undefined)?.TTL ?? 0)
    if (this.#id !== id) return
    if (ttlS > 0) this.#until = Math.max(this.#until, sentAt + ttlS * 1000 * SAFE_PART)
    else {
      this.#forget()
      this.ports.lost(id)
      await this.#grant()
    }
  }

  #forget(): void {
    this.#id = undefined
    this.#until = -Infinity
  }
}
