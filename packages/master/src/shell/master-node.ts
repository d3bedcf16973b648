import {
  IcfError,
  readRegistration,
  type Introduction,
  type MasterInfo,
  type MasterStatus,
  type Runtime,
  type Timer,
} from '@icf/common'
import { formatAddress, type Address, type Listener } from '@icf/common/node'
import { checkRole, MasterCore } from '../core/index.js'
import { ActiveTerm } from './active-term.js'
import type { Administration } from './admin.js'
import { administrationOf } from './administration.js'
import type { Peers, Term } from './coordination.js'
import { EventLog } from './event-log.js'
import { listenHttp } from './http-port.js'
import { Links } from './links.js'
import type { MasterOptions } from './master-options.js'
import { renderMetrics } from './metrics.js'
import { listenNative } from './native-port.js'

/** Cache servers that lost their master look for it several times in this time. */
const RETURN_WINDOW_MS = 500

/** A master that is to end gives the next one so much time to be active. */
const RETIRE_MS = 1000

/**
 * A master process: its ports and its links, which stay, and the terms in which it is the active master. Between them it
 * is a standby: who is connected stays so, and is told nothing.
 */
export class MasterNode {
  readonly #runtime: Runtime
  readonly #options: MasterOptions
  readonly #links: Links
  readonly #eventLog = new EventLog()
  readonly #ports: Pick<Listener, 'close'>[] = []
  /** Undefined while it is a standby. */
  #active: ActiveTerm | undefined
  #id = ''
  #address: Address
  #httpAddress: Address | undefined
  /** Undefined once a first version is in effect. */
  #starting: { served(): void; failed(error: unknown): void } | undefined
  #closing: Promise<void> | undefined

  constructor(runtime: Runtime, options: MasterOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#links = new Links((event) => this.#active?.dispatch(event), options.coordination.votes)
    this.#address = options.address
  }

  /** Known once it has started. */
  get id(): string {
    return this.#id
  }

  get cluster(): string {
    return this.#options.cluster
  }

  get address(): Address {
    return this.#address
  }

  get httpAddress(): Address | undefined {
    return this.#httpAddress
  }

  /** As others know it. */
  get self(): MasterInfo {
    const { advertiseHost = this.#address.host, machine = '' } = this.#options
    const httpPort = this.#httpAddress?.port ?? 0
    return { id: this.#id, host: advertiseHost, port: this.#address.port, httpPort, machine }
  }

  get #masters(): readonly MasterInfo[] {
    return this.#options.coordination.peers?.masters() ?? [this.self]
  }

  get otherMasters(): MasterStatus[] {
    return this.#options.coordination.peers?.others() ?? []
  }

  /** Of the term in which it is active; undefined while it is a standby. */
  get core(): MasterCore | undefined {
    return this.#active?.core
  }

  /** Whether it is the active one, and what it decides can take effect. */
  get isReady(): boolean {
    return this.#active?.isReady === true && this.#isSafe
  }

  /** Whether it is a standby, and could become the active one when that ends. */
  get #isAtHand(): boolean {
    return !this.#active && this.#options.coordination.peers?.isFollowing === true && this.#isSafe
  }

  get #isSafe(): boolean {
    return this.#options.coordination.peers?.isSafe !== false
  }

  /**
   * Resolves when the first version of a term is in effect; where there may be several masters, when this one can be reached. Nothing is logged
   * or saved of a start that fails for want of a port.
   * @throws IcfError INVALID_ARGUMENT, STATE_UNAVAILABLE; whatever keeps that version from being saved
   */
  async start(): Promise<void> {
    const { coordination } = this.#options
    this.#id = (await coordination.open()) ?? this.#runtime.newId()
    await this.#listen()
    await new Promise<void>((served, failed) => {
      this.#starting = { served, failed }
      this.#campaign().catch(failed)
      if (coordination.peers) this.#standsBy()
    })
  }

  /**
   * Makes a standby the active master. As of `Peers`.
   * @throws IcfError INVALID_ARGUMENT when there is no other master
   */
  async handOver(to: string | undefined): Promise<MasterStatus> {
    return this.#requirePeers().handOver(to)
  }

  /** Takes a master out of those that vote. As of `Peers`. @throws IcfError INVALID_ARGUMENT when there is no other master */
  async forget(selector: string): Promise<MasterStatus> {
    return this.#requirePeers().forget(selector)
  }

  /** Has all slots compared with their backups, unless they are being. @throws IcfError STANDBY, BUSY */
  audit(): void {
    this.#requireActive().audit()
  }

  /** As `close`; but an active master hands over first, where a standby can take it: within about a second. */
  async retire(): Promise<void> {
    if (this.#active && !this.#closing && this.#options.coordination.peers) await this.#passOn()
    await this.close()
  }

  /** Closes every connection. Resolves when nothing is being written any more. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const why = new IcfError('CLOSED', 'this master ends: what was asked may or may not take effect')
    // A commit may wait for voters whose links are closed next.
    this.#options.coordination.peers?.stop()
    const written = this.#active?.end(why)
    this.#links.close()
    await written
    for (const port of this.#ports) await port.close()
    await this.#options.coordination.end()
  }

  async #passOn(): Promise<void> {
    let timer: Timer | undefined
    const enough = new Promise<void>((resolve) => (timer = this.#runtime.setTimeout(resolve, RETIRE_MS)))
    try {
      await Promise.race([this.handOver(undefined), enough])
    } catch (error) {
      this.#options.logger.info({ error }, 'no standby takes over before this master ends')
    }
    this.#runtime.clear(timer)
  }

  async #listen(): Promise<void> {
    const { cluster, timing, coordination } = this.#options
    const administration = administrationOf(this.#runtime, () => this.#requireActive(), this.#eventLog, this)
    const native = await listenNative(this.#runtime, {
      address: this.#address,
      cluster,
      masterId: this.id,
      timing,
      peers: coordination.peers,
      administration,
      admit: (hello) => this.#admit(hello),
      masters: () => this.#masters,
      opened: (link) => this.#links.opened(link),
    })
    this.#ports.push(native)
    this.#address = native.address
    await this.#listenHttp(administration)
    coordination.peers?.serve(this.self, () => {
      this.#active?.dispatch({ type: 'masters', masters: this.#masters })
    })
  }

  async #listenHttp(administration: Administration): Promise<void> {
    const { httpPort } = this.#options
    if (httpPort === undefined) return
    const http = await listenHttp({
      address: { host: this.#address.host, port: httpPort },
      administration,
      isReady: () => this.isReady || this.#isAtHand,
      role: () => (this.#active ? 'active' : 'standby'),
      metrics: () => this.#metrics(),
    })
    this.#ports.push(http)
    this.#httpAddress = http.address
  }

  /** Resolves when this master has become the active one. */
  async #campaign(): Promise<void> {
    const term = await this.#options.coordination.campaign()
    if (this.#closing) return
    const active = this.#newTerm(term)
    this.#active = active
    active.begin()
    void term.lost.then(() => this.#lost(active))
  }

  #newTerm(term: Term): ActiveTerm {
    const { cluster, logger, auditSchedule } = this.#options
    return new ActiveTerm(this.#runtime, {
      term,
      core: this.#newCore(term),
      links: this.#links,
      eventLog: this.#eventLog,
      logger,
      cluster,
      masterId: this.id,
      auditSchedule,
      began: () => this.#began(term),
      unsaved: (version, error) => this.#unsaved(version, error),
    })
  }

  #newCore({ epoch, stored, mayBeBehind }: Term): MasterCore {
    const { timing, ring, slotCount, forgetAfterMs, auditSchedule } = this.#options
    return new MasterCore(this.#runtime.now(), {
      epoch,
      timing,
      ring,
      masters: this.#masters,
      ...(slotCount !== undefined && { slotCount }),
      ...(auditSchedule && { auditedUntil: this.#runtime.wallTimeMs() }),
      returnWindowMs: mayBeBehind ? RETURN_WINDOW_MS : 0,
      ...(stored && { stored }),
      ...(forgetAfterMs !== undefined && { forgetAfterMs }),
    })
  }

  #began({ epoch }: Term): void {
    const { id, cluster } = this
    this.#options.logger.info(
      { address: formatAddress(this.#address), cluster, epoch, id },
      'the master serves',
    )
    this.#starting?.served()
    this.#starting = undefined
  }

  /** It can be reached, and is active when its turn comes. */
  #standsBy(): void {
    const { id, cluster } = this
    this.#options.logger.info({ address: formatAddress(this.#address), cluster, id }, 'the master stands by')
    this.#starting?.served()
    this.#starting = undefined
  }

  /** A start fails by it; who serves already goes on trying. */
  #unsaved(version: number, error: unknown): void {
    if (this.#starting) return this.#starting.failed(error)
    this.#options.logger.error(
      { error, version },
      'can not save the state: no change takes effect until it can be saved',
    )
  }

  #lost(active: ActiveTerm): void {
    if (this.#closing) return
    const why = 'this master is not the active one any more'
    this.#options.logger.warn(why)
    this.#active = undefined
    this.#eventLog.endReading()
    void active.end(new IcfError('TERM_LOST', `${why}: what was asked may or may not take effect`))
    void this.#campaign()
  }

  #requirePeers(): Peers {
    const { peers } = this.#options.coordination
    if (peers) return peers
    throw new IcfError(
      'INVALID_ARGUMENT',
      'this master has no standby: start masters with --peers, or with --coordination etcd',
    )
  }

  #requireActive(): ActiveTerm {
    if (this.#active) return this.#active
    const address = formatAddress(this.self)
    throw new IcfError('STANDBY', `master ${address} is a standby: ask the one that is active`)
  }

  /** @throws IcfError the refusal; what a standby can not know is found when it becomes active */
  #admit(hello: Introduction): void {
    if (this.#active) return this.#active.core.admit(hello)
    checkRole(hello.role)
    if (hello.role === 'cache-server') readRegistration(hello)
  }

  #metrics(): string {
    const active = this.#active
    return renderMetrics(
      { isReady: this.isReady || this.#isAtHand, isActive: this.isReady, connections: this.#links.count },
      active && { snapshot: active.core.snapshot(this.#runtime.now()), commitMs: active.commitMs },
    )
  }
}
