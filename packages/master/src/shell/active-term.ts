import { IcfError, type LoggedEvent, type Runtime } from '@icf/common'
import type { Logger } from 'pino'
import type { Effect, MasterCore, MasterEvent } from '../core/index.js'
import type { AuditSchedule } from './audit-schedule.js'
import { AuditTimer } from './audit-timer.js'
import { CommitPump } from './commit-pump.js'
import type { Term } from './coordination.js'
import type { EventLog } from './event-log.js'
import type { Links } from './links.js'
import { Orders } from './orders.js'
import { probe } from './probe.js'
import { Ticker } from './ticker.js'

/** Nothing is decided by it, only looked at: deadlines are exact to this much. */
const TICK_INTERVAL_MS = 25

export interface ActiveTermOptions {
  readonly term: Term
  /** Of this term alone. */
  readonly core: MasterCore
  readonly links: Links
  readonly eventLog: EventLog
  readonly logger: Logger
  readonly cluster: string
  readonly masterId: string
  /** Undefined: audits are made only when somebody asks for one. */
  readonly auditSchedule: AuditSchedule | undefined
  /** Its first version is in effect. */
  began(): void
  /** A version could not be saved. It is tried again, for as long as the term lasts. */
  unsaved(version: number, error: unknown): void
}

/** One term of this master: carries out what its core decides, in its order, and tells it what happened. */
export class ActiveTerm {
  readonly core: MasterCore
  readonly #runtime: Runtime
  readonly #options: ActiveTermOptions
  readonly #commits: CommitPump
  readonly #orders = new Orders()
  readonly #queue: MasterEvent[] = []
  readonly #ticker: Ticker
  #auditTimer: AuditTimer | undefined
  #isDraining = false
  #hasBegun = false
  #hasEnded = false

  constructor(runtime: Runtime, options: ActiveTermOptions) {
    const { core, term, eventLog } = options
    this.core = core
    this.#runtime = runtime
    this.#options = options
    this.#ticker = new Ticker(runtime, TICK_INTERVAL_MS, () => this.dispatch({ type: 'tick' }))
    this.#commits = new CommitPump(runtime, term, eventLog, {
      persisted: (version, events) => this.#persisted(version, events),
      unsaved: (version, error) => options.unsaved(version, error),
    })
  }

  /** Whether a version of it is in effect, and changes can take effect. */
  get isReady(): boolean {
    return this.core.isActive && this.#commits.isStateSafe && !this.#hasEnded
  }

  get epoch(): number {
    return this.#options.term.epoch
  }

  /** Time that commits took to become safe, in milliseconds. */
  get commitMs(): CommitPump['durationMs'] {
    return this.#commits.durationMs
  }

  /** Also tells it of the links that are open already. */
  begin(): void {
    const { term, eventLog, links, auditSchedule } = this.#options
    eventLog.goOnFrom(term.stored?.events ?? [])
    this.#ticker.start()
    if (auditSchedule)
      this.#auditTimer = new AuditTimer(this.#runtime, auditSchedule, this.core, (until) =>
        this.dispatch({ type: 'audit', until }),
      )
    this.#queue.push({ type: 'started' }, ...links.announcements())
    this.#drain()
  }

  dispatch(event: MasterEvent): void {
    if (this.#hasEnded) return
    this.#queue.push(event)
    this.#drain()
  }

  /**
   * Makes servers leave, or gives silent ones up. Resolves once that is in effect.
   * @throws IcfError LAST_SERVER, UNKNOWN_SERVER, INVALID_ARGUMENT, BUSY; what the term ends with before
   */
  order(type: 'shutdown' | 'forget', servers: readonly string[]): Promise<void> {
    return this.#orders.give((request) => this.dispatch({ type, request, servers }))
  }

  /**
   * Has all slots compared with their backups, unless they are being.
   * @throws IcfError BUSY
   */
  audit(): void {
    this.dispatch({ type: 'audit' })
    if (!this.core.audit(this.#runtime.now()))
      throw new IcfError('BUSY', 'this master has just started and waits for the cache servers: try again')
  }

  /**
   * Nothing is told to the core, or done for it, any more.
   * @param why what orders that wait are answered with. Resolves when nothing is being written
   */
  end(why: IcfError): Promise<void> {
    this.#hasEnded = true
    this.#queue.length = 0
    this.#ticker.stop()
    this.#auditTimer?.stop()
    this.#orders.end(why)
    return this.#commits.end()
  }

  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next)
    } finally {
      this.#isDraining = false
    }
  }

  #step(event: MasterEvent): void {
    const { term, began } = this.#options
    const now = this.#runtime.now()
    for (const effect of this.core.step(now, event, term.validUntil)) this.#perform(effect)
    this.#ticker.poke(now)
    if (this.#hasBegun || !this.core.isActive) return
    this.#hasBegun = true
    began()
  }

  #perform(effect: Effect): void {
    const { links, logger, term } = this.#options
    switch (effect.type) {
      case 'persist':
        return this.#commits.begin(effect)
      case 'send':
        for (const link of links.send(effect.links, effect.message))
          this.dispatch({ type: 'linkCongested', link })
        return
      case 'turn':
        return this.#runtime.setImmediate(() => this.dispatch({ type: 'turn' }))
      case 'refuse':
        return links.get(effect.link)?.refuse(effect.error)
      case 'close':
        return links.get(effect.link)?.close(1000, 'replaced by a newer connection')
      case 'surpassed':
        return term.surpassed(effect.epoch)
      case 'probe':
        void this.#probe(effect)
        return
      case 'answer':
        return this.#orders.answer(effect.request, effect.result)
      case 'log':
        return logger[effect.level](effect.fields, effect.text)
      default:
        return effect satisfies never
    }
  }

  #persisted(version: number, events: readonly LoggedEvent[]): void {
    for (const { type, ...fields } of events) this.#options.logger.info({ ...fields, version }, type)
    this.dispatch({ type: 'persisted', version })
  }

  async #probe(effect: Extract<Effect, { type: 'probe' }>): Promise<void> {
    const { cluster, masterId, logger } = this.#options
    const finding = await probe(this.#runtime, effect, cluster, masterId)
    logger.debug({ server: effect.server.id, ...finding }, 'probed')
    this.dispatch({ type: 'probed', probe: effect.probe, finding })
  }
}
