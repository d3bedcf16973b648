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
import { EtcdKeys, NO_REVISION } from './kv.js'
import { EtcdLease } from './lease.js'
import { EtcdPaths, leaderText, mastersText, readEpoch, readMasterList } from './master-record.js'
import { Obedience } from './obedience.js'
import { SeatHolders } from './seat-holders.js'
import { hasSeat, Seats } from './seats.js'
import { decodeRecord, encodeRecord } from './state-record.js'
import { EtcdView, type Sight } from './view.js'

const TICK_INTERVAL_MS = 25
const CALL_MS = 2000
/** At its end a master waits no longer for etcd. */
const END_MS = 300
/** A master that gave up being active leaves it to others for so long, if any are there. */
const STAND_BACK_MS = 3000
/** What keeps this master from being active for so long is worth a word. */
const PATIENCE_MS = 2000
/** The same trouble with etcd, when it comes and goes, is worth a word as rarely as this. */
const SAY_AGAIN_MS = 60_000

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

/** What a term begins with. */
interface Found extends Pick<Held, 'stateRevision'> {
  readonly stored: StoredState | undefined
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
  readonly #keys: EtcdKeys
  readonly #paths: EtcdPaths
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
  /** What is wrong with etcd, and whether that is said. */
  #trouble: { readonly isSaid: boolean } | undefined
  /** What was last said of that. */
  #said = { text: '', at: -Infinity }
  #obstacle: { readonly why: string; readonly since: number; isSaid: boolean } | undefined
  #hasEnded = false

  /** @throws IcfError INVALID_ARGUMENT: as of `EtcdGateway` */
  constructor(runtime: Runtime, options: EtcdCoordinationOptions) {
    const { cluster, etcd, timing, logger } = options
    this.#runtime = runtime
    this.#options = options
    this.#boundMs = termBoundMs(timing)
    this.#gateway = new EtcdGateway(runtime, etcd)
    this.#keys = new EtcdKeys(this.#gateway)
    this.#paths = new EtcdPaths(cluster)
    this.#seats = new Seats(runtime, timing.deadAfterMs)
    this.#holders = new SeatHolders(this.#boundMs)
    const failed = (error: unknown): void => this.#isInTrouble(error)
    this.#lease = new EtcdLease(runtime, this.#gateway, {
      granted: (id) => this.#register(id),
      lost: (id) => this.#leaseLost(id),
      failed,
    })
    this.#view = new EtcdView(runtime, this.#keys, this.#paths, { seen: () => this.#seen(), failed })
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
      await this.#keys.get(this.#paths.leader, CALL_MS)
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
      return this.#isHeldUp(`nobody finds this master at ${formatAddress(self)}, which it advertises`)
    if (seats && !hasSeat(seats, self))
      return this.#isHeldUp(
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

  async #take({ leader, seats, seatsRevision }: Sight, lease: string): Promise<void> {
    const [paths, self] = [this.#paths, this.#self!]
    const last = await this.#keys.get(paths.epoch, CALL_MS)
    const epoch = Math.max(
      readEpoch(last?.value ?? 0) + 1,
      this.#newestEpoch + 1,
      Math.floor(this.#runtime.wallTimeMs() / 1000),
    )
    const text = leaderText({ master: self, epoch })
    this.#newestEpoch = epoch
    const isTaken = await this.#keys.transact(
      [
        leader ? { key: paths.leader, value: leader.text } : { key: paths.leader, modRevision: NO_REVISION },
        { key: paths.seats, modRevision: seatsRevision },
        { key: paths.epoch, modRevision: last?.modRevision ?? NO_REVISION },
      ],
      [
        { put: paths.leader, value: text, lease },
        { put: paths.epoch, value: String(epoch) },
        ...(seats ? [] : [{ put: paths.seats, value: mastersText([self]) }]),
      ],
      CALL_MS,
    )
    // Its first attempt may have been carried out without an answer.
    if (isTaken === undefined && (await this.#keys.get(paths.leader, CALL_MS))?.value !== text) return
    const since = this.#runtime.now()
    const found = await this.#readState(text)
    if (found === 'unfit' || this.#hasEnded || this.#lease.id !== lease) return this.#resign(text)
    this.#lead({ epoch, text, lease, since }, found)
  }

  async #readState(text: string): Promise<Found | 'unfit'> {
    const { cluster, logger } = this.#options
    const record = await this.#keys.get(this.#paths.state, CALL_MS)
    try {
      return {
        stored: record && decodeRecord(cluster, record.value),
        stateRevision: record?.modRevision ?? NO_REVISION,
      }
    } catch (error) {
      logger.error({ error, text }, 'can not read the state in etcd: this master leaves it to others')
      this.#notBefore = this.#runtime.now() + STAND_BACK_MS
      return 'unfit'
    }
  }

  #lead(
    { epoch, text, lease, since }: Pick<Held, 'text' | 'lease' | 'since'> & { readonly epoch: number },
    { stored, stateRevision }: Found,
  ): void {
    this.#holders.clear()
    this.#seats.began(stored?.topology, stored?.timing?.deadAfterMs ?? 0)
    const term = new EtcdTerm(epoch, stored, {
      validUntil: () => this.#validUntil(held),
      put: (state) => this.#put(held, state),
      surpassed: (later) => {
        this.#newestEpoch = Math.max(this.#newestEpoch, later)
        this.#endTerm(held)
        void this.#resign(text)
      },
      over: () => this.#endTerm(held),
    })
    const proposed = this.#view.now.seats ?? []
    const held: Held = { term, text, lease, since, stateRevision, proposed, isProposing: false }
    this.#held = held
    this.#obedience.led(epoch)
    this.#obstacle = undefined
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

  /** An attempt that comes late, after it was repeated, must not undo what was put since: each one follows upon the one before. */
  async #put(held: Held, state: StoredState): Promise<boolean> {
    const { leader, state: key } = this.#paths
    const value = encodeRecord(this.#options.cluster, state)
    const conditions = [
      { key: leader, value: held.text },
      { key, modRevision: held.stateRevision },
    ]
    const revision = await this.#keys.transact(conditions, [{ put: key, value }], CALL_MS)
    if (revision === undefined) {
      // An earlier attempt may have been carried out without an answer.
      const present = await this.#keys.get(key, CALL_MS)
      if (present?.value !== value) return false
      held.stateRevision = present.modRevision
    } else {
      held.stateRevision = String(revision)
      this.#hasRevision(revision, this.#runtime.now())
    }
    if (this.#held === held) this.#seats.inEffect(state.topology)
    return true
  }

  #proposeSeats(held: Held): void {
    const next = this.#seats.next(this.#view.now, ({ id }) => this.#links.has(id) || id === this.#self!.id)
    if (next) this.#putSeats(held, next).catch((error: unknown) => this.#isInTrouble(error))
  }

  /** @throws IcfError TERM_LOST; UNREACHABLE, and it may be done, or not */
  async #putSeats(held: Held, seats: readonly MasterInfo[]): Promise<void> {
    const { leader, seats: key } = this.#paths
    const { seatsRevision } = this.#view.now
    const isNew = (info: MasterInfo): boolean => !hasSeat(held.proposed, info)
    held.proposed = [...held.proposed, ...seats.filter(isNew)]
    held.isProposing = true
    const conditions = [
      { key: leader, value: held.text },
      { key, modRevision: seatsRevision },
    ]
    try {
      const revision = await this.#keys.transact(
        conditions,
        [{ put: key, value: mastersText(seats) }],
        CALL_MS,
      )
      if (revision !== undefined) held.proposed = seats
      else
        throw new IcfError('TERM_LOST', 'the masters in etcd have changed meanwhile: "icf status" tells them')
    } finally {
      held.isProposing = false
      this.#view.refresh()
    }
  }

  /** Nobody has the key, if this master had. It goes with the lease, if etcd can not be told. */
  async #resign(text: string): Promise<void> {
    const { leader } = this.#paths
    try {
      await this.#keys.transact([{ key: leader, value: text }], [{ remove: leader }], CALL_MS)
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

  /**
   * Of two machines only one can have a master at an address: by it masters know each other.
   * @throws IcfError INVALID_ARGUMENT: another one has, or had until a moment ago; UNREACHABLE: it may be done
   */
  async #register(lease: string): Promise<void> {
    const self = this.#self!
    const [key, value] = [this.#paths.master(self), mastersText([self])]
    try {
      const before = await this.#keys.get(key, CALL_MS)
      const other = readMasterList(before?.value ?? '[]').find(({ machine }) => machine !== self.machine)
      if (other)
        throw new IcfError(
          'INVALID_ARGUMENT',
          `another machine has a master at ${formatAddress(self)}, too: start it with --advertise-host, and the address by which others reach it`,
        )
      const conditions = [{ key, modRevision: before?.modRevision ?? NO_REVISION }]
      const revision = await this.#keys.transact(conditions, [{ put: key, value, lease }], CALL_MS)
      if (revision === undefined)
        throw new IcfError('UNREACHABLE', `${key} in etcd has changed meanwhile: tried again`)
    } finally {
      this.#registeredAt = this.#runtime.now()
    }
  }

  #leaseLost(lease: string): void {
    if (this.#held?.lease === lease) this.#endTerm()
    this.#view.refresh()
  }

  #seen(): void {
    if (this.#trouble?.isSaid) this.#options.logger.info('etcd answers again')
    this.#trouble = undefined
    const [held, sight] = [this.#held, this.#view.now]
    const { leader, at, present, revision } = sight
    this.#newestEpoch = Math.max(this.#newestEpoch, leader?.epoch ?? 0)
    if (held && at >= held.since && leader?.text !== held.text) this.#endTerm(held)
    this.#hasRevision(revision, at)
    if (leader && leader.master.id !== this.#self!.id) {
      this.#notBefore = -Infinity
      this.#obstacle = undefined
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

  /** Etcd may let itself be read, and refuse what is written: so the same is not said again at once. */
  #isInTrouble(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.#hasEnded || this.#trouble !== undefined) return
    const now = this.#runtime.now()
    const isSaid = text !== this.#said.text || now - this.#said.at >= SAY_AGAIN_MS
    this.#trouble = { isSaid }
    if (!isSaid) return
    this.#said = { text, at: now }
    this.#options.logger.warn({ error }, text)
  }

  /** Said once it lasts. */
  #isHeldUp(why: string): void {
    const now = this.#runtime.now()
    if (this.#obstacle?.why !== why) this.#obstacle = { why, since: now, isSaid: false }
    const obstacle = this.#obstacle
    if (obstacle.isSaid || now - obstacle.since < PATIENCE_MS) return
    obstacle.isSaid = true
    this.#options.logger.warn(`not active: ${why}`)
  }
}
