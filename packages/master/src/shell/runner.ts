import { IcfError, isTopologyUpdate, limits, type Message, type Runtime, type Timer } from '@icf/common'
import { encodeFrame, type Link } from '@icf/common/node'
import type { Logger } from 'pino'
import type { Effect, LinkId, MasterCore, MasterEvent } from '../core/index.js'
import type { Coordination } from './coordination.js'
import type { EventLog } from './event-log.js'
import { probe } from './probe.js'

/** Nothing is decided by it, only looked at: deadlines are exact to this much. */
const TICK_INTERVAL_MS = 25
const PERSIST_RETRY_MS = 1000
/** A frame's header more than what a link takes for its high-water mark: so its `drain` is sure to come. */
const CONGESTED_BYTES = limits.linkHighWaterBytes + 64

export interface RunnerOptions {
  readonly core: MasterCore
  readonly coordination: Coordination
  readonly eventLog: EventLog
  readonly logger: Logger
  readonly cluster: string
  readonly masterId: string
}

/** Carries out what the core decides, in its order, and tells it what happened. */
export class Runner {
  readonly #runtime: Runtime
  readonly #options: RunnerOptions
  readonly #links = new Map<LinkId, Link>()
  readonly #queue: MasterEvent[] = []
  readonly #answers = new Map<number, (result: readonly string[] | IcfError) => void>()
  readonly #commitMs = { sum: 0, count: 0, max: 0 }
  readonly #frames = new WeakMap<Message, Uint8Array>()
  #hasStarted = false
  #isDraining = false
  #nextLink = 1
  #nextRequest = 1
  #ticker: Timer | undefined
  #isStateSafe = true
  #persisting: Promise<void> | undefined
  #isClosed = false

  constructor(runtime: Runtime, options: RunnerOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  get isReady(): boolean {
    return this.#options.core.isActive && this.#isStateSafe && !this.#isClosed
  }

  /** Time that commits took to become safe, in milliseconds. */
  get commitMs(): Readonly<{ sum: number; count: number; max: number }> {
    return this.#commitMs
  }

  get connections(): number {
    return this.#links.size
  }

  /**
   * Begins the term; what was dispatched before waits for it. Resolves when its first version is in effect.
   * @throws what keeps the state from being saved
   */
  async start(): Promise<void> {
    this.#ticker = this.#runtime.setInterval(() => this.dispatch({ type: 'tick' }), TICK_INTERVAL_MS)
    this.#hasStarted = true
    this.#queue.unshift({ type: 'started' })
    this.#drain()
    await this.#persisting
  }

  /** Nothing is told to the core, or done for it, any more. Resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#runtime.clear(this.#ticker)
    this.#endAnswers()
    for (const link of this.#links.values()) link.close(1001, 'the master shuts down')
    await this.#persisting
  }

  dispatch(event: MasterEvent): void {
    if (this.#isClosed) return
    this.#queue.push(event)
    if (this.#hasStarted) this.#drain()
  }

  /** A cache server or client has connected. */
  opened(link: Link): void {
    const id = this.#nextLink++
    this.#links.set(id, link)
    this.dispatch({ type: 'linkOpened', link: id, hello: link.remote })
    link.handlers = {
      message: (message) => this.dispatch({ type: 'message', link: id, message }),
      close: () => {
        this.#links.delete(id)
        this.dispatch({ type: 'linkLost', link: id })
      },
      drain: () => this.dispatch({ type: 'linkDrained', link: id }),
    }
  }

  /**
   * Makes servers leave, or gives silent ones up. Resolves once that is in effect.
   * @throws IcfError LAST_SERVER, UNKNOWN_SERVER, INVALID_ARGUMENT, BUSY; CLOSED when this master ends before
   */
  order(type: 'shutdown' | 'forget', servers: readonly string[]): Promise<void> {
    const request = this.#nextRequest++
    return new Promise((resolve, reject) => {
      this.#answers.set(request, (result) => (result instanceof Error ? reject(result) : resolve()))
      if (this.#isClosed) this.#endAnswers()
      else this.dispatch({ type, request, servers })
    })
  }

  #endAnswers(): void {
    const closed = new IcfError('CLOSED', 'this master ends: what was asked may or may not take effect')
    for (const answer of this.#answers.values()) answer(closed)
    this.#answers.clear()
  }

  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift())
        for (const effect of this.#options.core.step(this.#runtime.now(), next, Infinity)) this.#perform(effect)
    } finally {
      this.#isDraining = false
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        this.#persisting = this.#persist(effect)
        return
      case 'send':
        return this.#send(effect.links, this.#frameOf(effect.message))
      case 'turn':
        this.#runtime.setImmediate(() => this.dispatch({ type: 'turn' }))
        return
      case 'refuse':
        return this.#links.get(effect.link)?.refuse(effect.error)
      case 'close':
        return this.#links.get(effect.link)?.close(1000, 'replaced by a newer connection')
      case 'probe':
        void this.#probe(effect)
        return
      case 'answer':
        this.#answers.get(effect.request)?.(effect.result)
        this.#answers.delete(effect.request)
        return
      case 'log':
        return this.#options.logger[effect.level](effect.fields, effect.text)
      default:
        return effect satisfies never
    }
  }

  /** The same topology update goes to many, some at a time: it is made into a frame once. */
  #frameOf(message: Message): Uint8Array {
    if (!isTopologyUpdate(message)) return encodeFrame(message)
    let frame = this.#frames.get(message)
    if (!frame) this.#frames.set(message, (frame = encodeFrame(message)))
    return frame
  }

  #send(ids: readonly LinkId[], frame: Uint8Array): void {
    for (const id of ids) {
      const link = this.#links.get(id)
      link?.sendFrame(frame)
      if (link && link.unsentBytes > CONGESTED_BYTES) this.dispatch({ type: 'linkCongested', link: id })
    }
  }

  async #persist({ state, events }: Extract<Effect, { type: 'persist' }>): Promise<void> {
    const { core, coordination, eventLog, logger } = this.#options
    const { version } = state.topology
    const startedAt = this.#runtime.now()
    const stamped = eventLog.stamp(events, new Date(this.#runtime.wallTimeMs()))
    while (!this.#isClosed) {
      try {
        await coordination.commit({ ...state, events: eventLog.kept(stamped) })
        break
      } catch (error) {
        if (!core.isActive) throw error
        this.#isStateSafe = false
        logger.error(
          { error, version },
          'can not save the state: no change takes effect until it can be saved',
        )
        await new Promise<void>((resolve) => this.#runtime.setTimeout(resolve, PERSIST_RETRY_MS))
      }
    }
    if (this.#isClosed) return
    this.#isStateSafe = true
    const ms = this.#runtime.now() - startedAt
    this.#commitMs.sum += ms
    this.#commitMs.count++
    this.#commitMs.max = Math.max(this.#commitMs.max, ms)
    eventLog.append(stamped)
    for (const { type, ...fields } of stamped) logger.info({ ...fields, version }, type)
    this.dispatch({ type: 'persisted', version })
  }

  async #probe(effect: Extract<Effect, { type: 'probe' }>): Promise<void> {
    const { cluster, masterId, logger } = this.#options
    const finding = await probe(this.#runtime, effect, cluster, masterId)
    logger.debug({ server: effect.server.id, ...finding }, 'probed')
    this.dispatch({ type: 'probed', probe: effect.probe, finding })
  }
}
