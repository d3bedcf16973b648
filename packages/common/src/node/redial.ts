import type { IcfError } from '../errors.js'
import type { Address, Runtime, Timer } from '../runtime.js'
import { dial } from './dial.js'
import type { Introduction } from '../wire/introduction.js'
import type { Link } from './link.js'

export interface RedialOptions {
  readonly address: Address
  /** Asked before each attempt. */
  introduce(): Introduction
  /** The link is open; set its handlers, of which `close` must call `lost()`. */
  opened(link: Link): void
  /** An attempt failed, which began at `startedAt` by the runtime's clock. */
  failed(error: IcfError, startedAt: number): void
  /** How long an attempt may take. */
  timeoutMs: number
  /**
   * Each attempt that ended in TIMEOUT doubles the time of the next one, up to this; any other end sets it back. Who is asked by many at once takes their connections one after the other: it gets to none that is still
   * wanted when all are given up before their turn, and made anew behind the others.
   */
  maxTimeoutMs: number
  /** First pause between attempts; it doubles up to `maxDelayMs`, with jitter. */
  minDelayMs: number
  maxDelayMs: number
}

/** Keeps one link open for as long as it is wanted: dials, and dials again after a failure or a loss. */
export class Redialer {
  readonly #options: RedialOptions
  #delayMs: number
  #timer: Timer | undefined
  #openedAt = -Infinity
  /** Of the next attempt. */
  #timeoutMs: number
  readonly #stop = new AbortController()
  #dialing = false

  constructor(
    private readonly runtime: Runtime,
    options: RedialOptions,
  ) {
    this.#options = options
    this.#delayMs = options.minDelayMs
    this.#timeoutMs = options.timeoutMs
    this.#attempt()
  }

  /** The link that was opened is gone: dials again at once, or after a pause when it did not last. */
  lost(): void {
    if (this.#isStopped || this.#dialing || this.#timer !== undefined) return
    if (this.runtime.now() - this.#openedAt < this.#options.maxDelayMs) return this.#later()
    this.#delayMs = this.#options.minDelayMs
    this.#attempt()
  }

  /** Also ends an attempt under way; a link that is open stays so. */
  stop(): void {
    this.#stop.abort()
    this.runtime.clear(this.#timer)
  }

  get #isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  #attempt(): void {
    this.#timer = undefined
    if (this.#isStopped || this.#dialing) return
    this.#dialing = true
    const startedAt = this.runtime.now()
    const { address, timeoutMs, maxTimeoutMs } = this.#options
    dial(this.runtime, address, this.#options.introduce(), this.#timeoutMs, this.#stop.signal).then(
      (link) => {
        this.#dialing = false
        this.#timeoutMs = timeoutMs
        if (this.#isStopped) return link.terminate()
        this.#openedAt = this.runtime.now()
        this.#options.opened(link)
      },
      (error: IcfError) => {
        this.#dialing = false
        if (this.#isStopped) return
        this.#timeoutMs = error.code === 'TIMEOUT' ? Math.min(this.#timeoutMs * 2, maxTimeoutMs) : timeoutMs
        this.#later()
        this.#options.failed(error, startedAt)
      },
    )
  }

  #later(): void {
    const delayMs = this.#delayMs * (0.75 + this.runtime.random() / 2)
    this.#timer = this.runtime.setTimeout(() => this.#attempt(), delayMs)
    this.#delayMs = Math.min(this.#delayMs * 2, this.#options.maxDelayMs)
  }
}
