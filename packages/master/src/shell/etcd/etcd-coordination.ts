import {
  answerMessage,
  IcfError,
  isQuestion,
  Knowledge,
  masterDetails,
  MessageType,
  questionMessage,
  readAnswer,
  readMasterDetails,
  readQuestion,
  termBoundMs,
  type MasterInfo,
  type MasterStatus,
  type Message,
  type Question,
  type Runtime,
  type Timer,
  type Timing,
} from '@icf/common'
import { formatAddress, isRefused, type Link } from '@icf/common/node'
import type { Logger } from 'pino'
import type { Coordination, Peers, Term } from '../coordination.js'
import { chooseForgotten, everybody, standby } from '../known-masters.js'
import type { StoredState } from '../state-file.js'
import { chooseHeir } from '../voting/choose-heir.js'
import { HandOver } from '../voting/hand-over.js'
import { MasterPeers, type PeerMaster } from '../voting/master-peers.js'
import { EtcdTerm } from './etcd-term.js'
import { EtcdGateway, EtcdRefusal, type EtcdOptions } from './gateway.js'
import { EtcdLease } from './lease.js'
import { mastersText } from './master-record.js'
import { Obedience } from './obedience.js'
import { EtcdRecords } from './records.js'
import { Remarks } from './remarks.js'
import { SeatHolders } from './seat-holders.js'
import { hasSeat, Seats } from './seats.js'
import { decodeRecord } from './state-record.js'
import { EtcdView, type Sight } from './view.js'

const TICK_INTERVAL_MS = 25
/** At its end a master waits no longer for etcd. */
const END_MS = 300
/** A master that gave up being active leaves it to others for so long, if any are there. */
const STAND_BACK_MS = 3000

export interface EtcdCoordinationOptions {
  readonly cluster: string
  readonly etcd: EtcdOptions
  readonly timing: Timing
  readonly logger: Logger
}

/** The term that this master has. */
interface Held {
  readonly term: EtcdTerm
  /** Of its key: no other term has the same. */
  readonly text: string
  /** To which its key is bound. */
  readonly lease: string
  /** When it was sure, by the runtime's clock. */
  readonly since: number
  /** Of the state that this term put last, or found. */
  stateRevision: string
  /** What seats were to be, as long as it is not known whether they are. */
  proposed: readonly MasterInfo[]
  isProposing: boolean
}

/**
 * Whoever has the key of the active master in etcd is it, as long as the lease to which that is bound. What takes effect is what
 * etcd has. While etcd can not be reached, the active master goes on renewing leases with the word of all that could replace it.
 */
export class EtcdCoordination implements Coordination, Peers {
  readonly #runtime: Runtime
  readonly #options: EtcdCoordinationOptions
  readonly #boundMs: number
  readonly #gateway: EtcdGateway
  readonly #records: EtcdRecords
  readonly #remarks: Remarks
  readonly #lease: EtcdLease
  readonly #view: EtcdView
  readonly #seats: Seats
  readonly #holders: SeatHolders
  readonly #others: MasterPeers
  /** By id, masters that are connected. */
  readonly #links = new Map<string, PeerMaster>()
  /** Ids of masters whose process is gone. */
  readonly #gone = new Set<string>()
  /** Once it can be reached. */
  #self: MasterInfo | undefined
  #obedience!: Obedience
  #mastersChanged: () => void = () => undefined
  #listed = ''
  #ticker: Timer | undefined
  #elected: ((term: Term) => void) | undefined
  #held: Held | undefined
  #isCampaigning = false
  /** When etcd was last told that this master is there; Infinity while it is being told. */
  #registeredAt = -Infinity
  #notBefore = -Infinity
  /** Of etcd, when it was last heard of. */
  #newest = { revision: 0n, at: -Infinity }
  /** The newest term that this master has heard of: etcd may have forgotten it. */
  #newestEpoch = 0
  #handOver: HandOver | undefined
  #hasEnded = false

  /** @throws IcfError INVALID_ARGUMENT: as of `EtcdGateway` */
  constructor(runtime: Runtime, options: EtcdCoordinationOptions) {
    const { cluster, etcd, timing, logger } = options
    this.#runtime = runtime
    this.#options = options
    this.#boundMs = termBoundMs(timing)
    this.#gateway = new EtcdGateway(runtime, etcd)
    this.#records = new EtcdRecords(this.#gateway, cluster)
    this.#remarks = new Remarks(runtime, logger)
    this.#seats = new Seats(runtime, timing.deadAfterMs)
    this.#holders = new SeatHolders(this.#boundMs)
    const failed = (error: unknown): void => this.#isInTrouble(error)
    this.#lease = new EtcdLease(runtime, this.#gateway, {
      granted: (id) => this.#register(id),
      lost: (id) => this.#leaseLost(id),
      failed,
    })
    const { keys, paths } = this.#records
    this.#view = new EtcdView(runtime, keys, paths, { seen: () => this.#seen(), failed })
    this.#others = new MasterPeers(runtime, {
      self: () => this.#self!.id,
      introduce: () => ({ role: 'master', cluster, id: this.#self!.id, details: this.details() }),
      opened: (peer) => this.#opened(peer),
      lost: (peer) => this.#lost(peer),
      message: (peer, message) => this.#answered(peer, message),
      gone: (id) => this.#isGone(id),
      failed: (where, error, startedAt) => {
        logger.debug({ master: where, error }, 'can not reach another master')
        if (isRefused(error)) this.#holders.absent(where, startedAt, runtime.now(), this.#isValid())
      },
    })
  }

  readonly votes = undefined

  get peers(): Peers {
    return this
  }

  /** Etcd need not be there yet. @throws IcfError INVALID_ARGUMENT: it refuses this master */
  async open(): Promise<undefined> {
    try {
      await this.#records.check()
    } catch (error) {
      if (error instanceof EtcdRefusal) throw error
      this.#isInTrouble(error)
    }
  }

  serve(self: MasterInfo, mastersChanged: () => void): void {
    this.#self = self
    this.#mastersChanged = mastersChanged
    this.#obedience = new Obedience(this.#boundMs, this.#runtime.now())
    this.#others.add(self)
    this.#lease.start()
    this.#view.refresh()
    this.#ticker = this.#runtime.setInterval(() => this.#tick(), TICK_INTERVAL_MS)
  }

  campaign(): Promise<Term> {
    return new Promise((resolve) => {
      this.#elected = resolve
    })
  }

  async handOver(to: string | undefined): Promise<MasterStatus> {
    const handOver = this.#handOver ?? this.#beginHandOver(to)
    const active = await handOver.done
    return { ...(this.others().find(({ id }) => id === active) ?? handOver.heir), role: 'active' }
  }

  async forget(selector: string): Promise<MasterStatus> {
    const held = this.#requireHeld()
    const master = chooseForgotten(everybody(this.#self!, this.others()), selector)
    const { seats = [] } = this.#view.now
    await this.#putSeats(held, seats.filter(({ host, port }) => host !== master.host || port !== master.port)) // prettier-ignore
    return master
  }

  stop(): void {
    this.#hasEnded = true
    this.#handOver?.failed('now, as this master ends')
    this.#runtime.clear(this.#ticker)
    this.#others.stop()
    this.#view.stop()
    this.#endTerm()
  }

  async end(): Promise<void> {
    this.stop()
    await this.#lease.end(END_MS)
    this.#gateway.stop()
  }

  readonly isSafe = true

  get isFollowing(): boolean {
    const { leader } = this.#view.now
    return leader !== undefined && leader.master.id !== this.#self?.id && !this.#gone.has(leader.master.id)
  }

  details(): readonly unknown[] {
    const { httpPort, machine, ...address } = this.#self!
    return masterDetails({ address, httpPort, machine, knows: Knowledge.SHARED })
  }

  masters(): MasterInfo[] {
    return this.#seats.listed(this.#view.now, this.#self!)
  }

  others(): MasterStatus[] {
    const { seats = [] } = this.#view.now
    const others = this.masters().filter(({ id }) => id !== this.#self!.id)
    return others.map((info) => standby(info, this.#links.has(info.id), hasSeat(seats, info)))
  }

  admitMaster(): void {
    if (!this.#self) throw new IcfError('BUSY', 'this master is only starting: connect again')
  }

  masterConnected(link: Link): void {
    try {
      this.#others.add(readMasterDetails(link.remote).address)
    } catch (error) {
      return link.refuse(error as IcfError)
    }
    link.handlers = {
      message: (message) => this.#asked(link, message),
      close: () => undefined,
    }
  }

  #tick(): void {
    const [held, now] = [this.#held, this.#runtime.now()]
    if (!held) return this.#consider()
    const number = this.#holders.beat(now)
    if (number === undefined) return
    const { epoch } = held.term
    for (const { link } of this.#links.values())
      link.send(questionMessage({ type: 'beat', number, epoch, state: undefined }))
    if (!held.isProposing) this.#proposeSeats(held)
  }

  /** Becomes active, where nothing is in the way. */
  #consider(): void {
    if (!this.#elected || this.#isCampaigning || this.#hasEnded) return
    const [sight, now, lease] = [this.#view.now, this.#runtime.now(), this.#lease.id]
    const self = this.#self!
    const { leader, seats } = sight
    if (lease === undefined || now >= this.#lease.until || now < this.#notBefore) return
    if (leader && !this.#isOver(leader.master)) return
    if (!this.#others.isSelf(self))
      return this.#remarks.heldUp(`nobody finds this master at ${formatAddress(self)}, which it advertises`)
    if (seats && !hasSeat(seats, self))
      return this.#remarks.heldUp(
        `this master has no seat: none of those that have one is active, ${seats.map(formatAddress).join(', ')}`,
      )
    // Only one that could be another's replacement has given its word to anybody.
    const hasOthers = seats?.some((seat) => formatAddress(seat) !== formatAddress(self)) === true
    if (hasOthers && now < this.#obedience.until) return
    void this.#campaign(sight, lease)
  }

  /** Whether no process is left that could be active by that key. */
  #isOver(leader: MasterInfo): boolean {
    const self = this.#self!
    const isMine = formatAddress(leader) === formatAddress(self) && this.#others.isSelf(self)
    return isMine || this.#gone.has(leader.id)
  }

  async #campaign(sight: Sight, lease: string): Promise<void> {
    this.#isCampaigning = true
    try {
      await this.#take(sight, lease)
    } catch (error) {
      this.#isInTrouble(error)
      // Whether the key is had is seen next time.
      this.#notBefore = Math.max(this.#notBefore, this.#runtime.now() + this.#boundMs)
    }
    this.#isCampaigning = false
    this.#view.refresh()
  }

  async #take(sight: Sight, lease: string): Promise<void> {
    const last = await this.#records.lastEpoch()
    const epoch = Math.max(
      last.epoch + 1,
      this.#newestEpoch + 1,
      Math.floor(this.#runtime.wallTimeMs() / 1000),
    )
    this.#newestEpoch = epoch
    const text = await this.#records.take({ master: this.#self!, epoch }, lease, sight, last)
    if (text === undefined) return
    const since = this.#runtime.now()
    const { record, revision } = await this.#records.state()
    const stored = this.#decode(record)
    if (stored === 'unfit' || this.#hasEnded || this.#lease.id !== lease) return this.#resign(text)
    this.#lead(epoch, stored, { text, lease, since, stateRevision: revision })
  }

  #decode(record: string | undefined): StoredState | undefined | 'unfit' {
    const { cluster, logger } = this.#options
    try {
      return record === undefined ? undefined : decodeRecord(cluster, record)
    } catch (error) {
      logger.error({ error }, 'can not read the state in etcd: this master leaves it to others')
      this.#notBefore = this.#runtime.now() + STAND_BACK_MS
      return 'unfit'
    }
  }

  #lead(
    epoch: number,
    stored: StoredState | undefined,
    taken: Pick<Held, 'text' | 'lease' | 'since' | 'stateRevision'>,
  ): void {
    this.#holders.clear()
    this.#seats.began(stored?.topology, stored?.timing?.deadAfterMs ?? 0)
    const term = new EtcdTerm(epoch, stored, {
      validUntil: () => this.#validUntil(held),
      put: (state) => this.#put(held, state),
      surpassed: (later) => {
        this.#newestEpoch = Math.max(this.#newestEpoch, later)
        this.#endTerm(held)
        void this.#resign(held.text)
      },
      over: () => this.#endTerm(held),
    })
    const proposed = this.#view.now.seats ?? []
    const held: Held = { ...taken, term, proposed, isProposing: false }
    this.#held = held
    this.#obedience.led(epoch)
    this.#remarks.notHeldUp()
    this.#handOver?.failed('now, but this one again')
    this.#elected?.(term)
    this.#elected = undefined
  }

  #validUntil(held: Held): number {
    const byEtcd = this.#lease.id === held.lease ? this.#lease.until : -Infinity
    const others = [...(this.#view.now.seats ?? []), ...held.proposed]
      .map(formatAddress)
      .filter((where) => where !== formatAddress(this.#self!))
    return Math.max(byEtcd, this.#holders.until(others, this.#runtime.now()))
  }

  /** Whether nobody else can be active until now. */
  #isValid(): boolean {
    return this.#held !== undefined && this.#runtime.now() < this.#validUntil(this.#held)
  }

  async #put(held: Held, state: StoredState): Promise<boolean> {
    const put = await this.#records.putState(held.text, held.stateRevision, state)
    if (!put) return false
    held.stateRevision = put.revision
    if (put.seen !== undefined) this.#hasRevision(put.seen, this.#runtime.now())
    if (this.#held === held) this.#seats.inEffect(state.topology)
    return true
  }

  #proposeSeats(held: Held): void {
    const next = this.#seats.next(this.#view.now, ({ id }) => this.#links.has(id) || id === this.#self!.id)
    if (next) this.#putSeats(held, next).catch((error: unknown) => this.#isInTrouble(error))
  }

  /** @throws IcfError TERM_LOST; UNREACHABLE, and it may be done, or not */
  async #putSeats(held: Held, seats: readonly MasterInfo[]): Promise<void> {
    const isNew = (info: MasterInfo): boolean => !hasSeat(held.proposed, info)
    held.proposed = [...held.proposed, ...seats.filter(isNew)]
    held.isProposing = true
    try {
      await this.#records.putSeats(held.text, this.#view.now.seatsRevision, seats)
      held.proposed = seats
    } finally {
      held.isProposing = false
      this.#view.refresh()
    }
  }

  /** Nobody has the key, if this master had. It goes with the lease, if etcd can not be told. */
  async #resign(text: string): Promise<void> {
    try {
      await this.#records.resign(text)
    } catch (error) {
      this.#isInTrouble(error)
    }
    this.#view.refresh()
  }

  #endTerm(held = this.#held): void {
    if (!held || this.#held !== held) return
    this.#held = undefined
    held.term.end()
  }

  /** @throws IcfError as `EtcdRecords.register` */
  async #register(lease: string): Promise<void> {
    try {
      await this.#records.register(this.#self!, lease)
    } finally {
      this.#registeredAt = this.#runtime.now()
    }
  }

  #leaseLost(lease: string): void {
    if (this.#held?.lease === lease) this.#endTerm()
    this.#view.refresh()
  }

  #seen(): void {
    this.#remarks.noTrouble()
    const [held, sight] = [this.#held, this.#view.now]
    const { leader, at, present, revision } = sight
    this.#newestEpoch = Math.max(this.#newestEpoch, leader?.epoch ?? 0)
    if (held && at >= held.since && leader?.text !== held.text) this.#endTerm(held)
    this.#hasRevision(revision, at)
    if (leader && leader.master.id !== this.#self!.id) {
      this.#notBefore = -Infinity
      this.#remarks.notHeldUp()
      this.#handOver?.followed(leader.master.id)
    }
    const masters = this.masters()
    for (const { host, port } of masters) this.#others.add({ host, port })
    const listed = mastersText(masters)
    if (listed !== this.#listed) this.#mastersChanged()
    this.#listed = listed
    if (present.get(formatAddress(this.#self!))?.id !== this.#self!.id) this.#registerAgain(at)
    if (!this.#held) this.#consider()
  }

  /** @param at when etcd had that, or a later one */
  #hasRevision(revision: bigint, at: number): void {
    const { revision: last, at: lastAt } = this.#newest
    if (at < lastAt) return
    this.#newest = { revision, at }
    if (revision < last) this.#hasGoneBack()
  }

  /** An older copy of etcd's data was put back. What is in effect is asked of the servers, by a new term, and is in etcd again then. */
  #hasGoneBack(): void {
    this.#options.logger.warn('etcd has gone back to an older copy of its data')
    const held = this.#held
    this.#endTerm(held)
    if (held) void this.#resign(held.text)
  }

  /** So it may be when an older copy of etcd's data was put back, while the lease lives. */
  #registerAgain(missedAt: number): void {
    const { id } = this.#lease
    if (id === undefined || missedAt < this.#registeredAt) return
    this.#registeredAt = Infinity
    this.#register(id).catch((error: unknown) => this.#isInTrouble(error))
  }

  #opened(peer: PeerMaster): void {
    if (formatAddress(peer.details.address) === formatAddress(this.#self!))
      return this.#options.logger.error(
        { master: peer.id },
        'another master says that it is at the address of this one: start it with --advertise-host, and the address by which others reach it',
      )
    this.#links.set(peer.id, peer)
    this.#view.refresh()
  }

  #lost(peer: PeerMaster): void {
    if (this.#links.get(peer.id) !== peer) return
    this.#links.delete(peer.id)
    if (this.#handOver?.heir.id === peer.id) this.#handOver.failed('now, as the connection to it broke')
  }

  #isGone(id: string): void {
    this.#gone.add(id)
    const { leader } = this.#view.now
    if (leader?.master.id === id) this.#obedience.release(leader.epoch)
    this.#consider()
  }

  #answered(peer: PeerMaster, message: Message): void {
    if (message[0] !== MessageType.VOTED)
      throw new IcfError('PROTOCOL', `a master must not answer with message ${String(message[0])}`)
    const { number, isYes } = readAnswer(message)
    if (!isYes || this.#links.get(peer.id) !== peer) return
    const [where, now] = [formatAddress(peer.details.address), this.#runtime.now()]
    this.#holders.obeyed(where, peer.id, number, now, this.#isValid())
  }

  /** Another master asks for this one's word. */
  #asked(link: Link, message: Message): void {
    try {
      if (!isQuestion(message))
        throw new IcfError('PROTOCOL', `a master must not send message ${String(message[0])} to a master`)
      const question = readQuestion(message)
      const { number, epoch } = question
      const isYes = this.#answer(question, link.remote.id)
      link.send(answerMessage({ number, isYes, epoch, newer: undefined }))
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      link.refuse(error)
    }
  }

  #answer(question: Question<unknown>, master: string): boolean {
    const { type, epoch } = question
    if (type === 'vote')
      throw new IcfError(
        'PROTOCOL',
        'masters of this cluster are started with --coordination etcd, all of them',
      )
    // While it asks etcd to be active, it may be already.
    if (this.#held || this.#isCampaigning) return false
    if (type === 'beat') return this.#obedience.hear(this.#runtime.now(), master, epoch, this.#view.now)
    this.#obedience.release(epoch)
    this.#view.refresh()
    return true
  }

  #beginHandOver(to: string | undefined): HandOver {
    const held = this.#requireHeld()
    const handOver = new HandOver(this.#runtime, chooseHeir(everybody(this.#self!, this.others()), to))
    this.#handOver = handOver
    const over = (): void => {
      this.#handOver = undefined
    }
    handOver.done.then(over, over)
    void this.#passOn(held, handOver)
    return handOver
  }

  /** The heir hears it first: the others are bound by their word for some time yet. */
  async #passOn(held: Held, handOver: HandOver): Promise<void> {
    await held.term.written()
    if (this.#handOver !== handOver) return
    if (this.#held !== held) return handOver.failed('now, as another one is active')
    if (this.#runtime.now() >= this.#lease.until) return handOver.failed('now, as etcd can not be reached')
    this.#notBefore = this.#runtime.now() + STAND_BACK_MS
    handOver.ended()
    this.#endTerm(held)
    await this.#resign(held.text)
    const { epoch } = held.term
    this.#links.get(handOver.heir.id)?.link.send(questionMessage({ type: 'last', number: 0, epoch }))
  }

  #requireHeld(): Held {
    if (this.#held) return this.#held
    throw new IcfError('STANDBY', 'this master is not the active one any more')
  }

  #isInTrouble(error: unknown): void {
    if (!this.#hasEnded) this.#remarks.trouble(error)
  }
}
