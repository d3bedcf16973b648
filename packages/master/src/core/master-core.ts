import {
  emptyTopology,
  IcfError,
  Leaving,
  leaseMessage,
  MessageType,
  NONE,
  readCopiesReport,
  readKeepAlive,
  readProbeResult,
  readRegistration,
  readSuspect,
  readUnreachable,
  sameMasters,
  seatOf,
  topologyRequest,
  type AuditStatus,
  type Intent,
  type MasterInfo,
  type Message,
  type Plan,
  type Topology,
} from '@icf/common'
import type { MoveOrder } from '@icf/common/placement'
import { Absence } from './absence.js'
import { Admission } from './admission.js'
import { Audit } from './audit.js'
import { auditedEvent } from './audited-event.js'
import { Counters } from './counters.js'
import { Departures, NO_DEPARTURES } from './departures.js'
import { Detector, fenced, type Death } from './detector.js'
import type { Effect, Hello, LinkId, MasterEvent } from './events.js'
import { Membership, type LeaveReason, type Member } from './membership.js'
import { DEFAULT_FORGET_AFTER_MS, DEFAULT_MAX_TRANSITIONS_PER_SERVER, type MasterOptions } from './options.js'
import { preview } from './preview.js'
import { Progress } from './progress.js'
import { Publisher } from './publisher.js'
import { canHold, Reconciler } from './reconciler.js'
import { checkRole } from './role.js'
import { complete, onlyCopies, sharesSlots } from './slots.js'
import { type Snapshot, takeSnapshot } from './snapshot.js'
import { Versions, type Frozen } from './versions.js'

/**
 * The active master without sockets, files and clocks: `step` takes what happened and returns what to do. A topology
 * takes effect when the shell says that it is persisted; what changes meanwhile becomes the next version.
 */
export class MasterCore {
  readonly #membership: Membership
  readonly #detector: Detector
  readonly #absence: Absence
  readonly #reconciler: Reconciler
  readonly #versions: Versions
  readonly #publisher = new Publisher()
  readonly #progress = new Progress()
  readonly #counters = new Counters()
  readonly #links = new Map<LinkId, Hello>()
  /** Those of servers that a later master leads: nothing that they say is for this one. */
  readonly #surpassing = new Set<LinkId>()
  readonly #departures: Departures
  readonly #admission: Admission
  readonly #audit: Audit
  #auditedUntil: number | undefined
  readonly #options: MasterOptions
  #masters: readonly MasterInfo[]
  /** It was asked for. */
  #isTurnDue = false
  #effects: Effect[] = []
  #now: number
  #validUntil = -Infinity

  constructor(now: number, options: MasterOptions) {
    const { epoch, timing, ring, slotCount, stored, maxTransitionsPerServer, forgetAfterMs } = options
    const state = stored ?? {
      topology: emptyTopology(ring, slotCount),
      retired: [],
      departures: NO_DEPARTURES,
      timing: undefined,
      auditedUntil: undefined,
    }
    this.#departures = new Departures(state.departures)
    this.#now = now
    this.#options = options
    this.#masters = options.masters ?? []
    this.#audit = new Audit(() => this.#versions.epoch)
    this.#auditedUntil = state.auditedUntil ?? options.auditedUntil
    this.#membership = new Membership(timing, state, now)
    this.#detector = new Detector(this.#membership, epoch)
    this.#absence = new Absence(this.#membership, forgetAfterMs ?? DEFAULT_FORGET_AFTER_MS)
    this.#reconciler = new Reconciler(maxTransitionsPerServer ?? DEFAULT_MAX_TRANSITIONS_PER_SERVER)
    this.#versions = new Versions(epoch, state.topology, this.#membership, this.#reconciler, this.#progress)
    this.#admission = new Admission(this.#membership, this.#versions, this.#counters)
  }

  /** The topology in effect; before the first of this term, the one that an earlier term left. */
  get topology(): Topology {
    return this.#versions.effective.topology
  }

  /** Whether a topology of this term is in effect. */
  get isActive(): boolean {
    return this.#versions.hasCommitted
  }

  snapshot(now: number): Snapshot {
    return takeSnapshot(now, this.#versions, this.#membership, this.#progress, this.#counters, this.#audit)
  }

  /** All audits of the schedule up to this time of day, in ms, are done; undefined: nobody knows. */
  get auditedUntil(): number | undefined {
    return this.#auditedUntil
  }

  /** Of the newest audit of this term; undefined: there was none. */
  audit(now: number): AuditStatus | undefined {
    return this.#audit.status(now)
  }

  /** What would move if these servers left; or, without any, what is pending. @throws IcfError LAST_SERVER */
  preview(leaving: readonly string[]): Plan {
    if (leaving.length > 0) this.#membership.checkSpare(leaving, this.#versions.changes)
    const { reachability } = this.#membership
    const constraints = { out: this.#membership.outIds(), cuts: reachability.cuts(this.topology) }
    return preview(this.topology, leaving, constraints, (id) => this.#membership.get(id)?.load)
  }

  /**
   * How many slots would be lost by giving these silent servers up.
   * @throws IcfError UNKNOWN_SERVER, INVALID_ARGUMENT when one is not silent
   */
  onlyCopiesOf(ids: readonly string[]): number {
    for (const id of ids) this.#checkForgettable(id)
    return onlyCopies(this.topology, new Set(ids.map((id) => seatOf(this.topology, id))))
  }

  /** Whether HELLO may be answered with WELCOME. @throws IcfError the refusal */
  admit(hello: Hello): void {
    checkRole(hello.role)
    if (hello.role === 'cache-server') this.#membership.admit(hello, this.#versions.changes)
  }

  /**
   * @param validUntil by the clock of `now`, until when nobody else can be active: leases are given only before. Infinity: there is
   *   no other master
   */
  step(now: number, event: MasterEvent, validUntil: number): Effect[] {
    this.#now = now
    this.#validUntil = validUntil
    this.#effects = []
    this.#handle(event)
    this.#letIn()
    this.#emit(...this.#detector.beginProbes(this.#versions.changes, now))
    // Also when another line of versions is gone on with.
    this.#versions.changes.draft.setMasters(this.#masters)
    const frozen = this.#versions.freeze(now)
    if (frozen) this.#emit(this.#persist(frozen))
    if (this.#publisher.isBehind && !this.#isTurnDue) {
      this.#isTurnDue = true
      this.#emit({ type: 'turn' })
    }
    return this.#effects
  }

  #persist({ topology, events }: Frozen): Effect {
    const retired = this.#membership.retired.list()
    const { timing } = this.#options
    const state = {
      topology,
      retired,
      departures: this.#departures.state,
      timing,
      auditedUntil: this.#auditedUntil,
    }
    return { type: 'persist', state, events }
  }

  #handle(event: MasterEvent): void {
    switch (event.type) {
      case 'started':
        return this.#started()
      case 'masters':
        this.#masters = event.masters
        return
      case 'linkOpened':
        return this.#guard(event.link, () =>
          this.#linkOpened(event.link, event.hello, event.isEarlier === true),
        )
      case 'message':
        return this.#guard(event.link, () => this.#message(event.link, event.message))
      case 'linkLost':
        return this.#linkLost(event.link)
      case 'linkCongested':
        return this.#publisher.congested(event.link)
      case 'linkDrained':
        return this.#emit(...this.#publisher.drained(event.link, this.#versions.effective))
      case 'turn':
        this.#isTurnDue = false
        return this.#emit(...this.#publisher.turn(this.#versions.effective))
      case 'probed':
        this.#counters.probes++
        return this.#bury(this.#detector.found(event.probe, event.finding, this.#now))
      case 'persisted':
        return this.#persisted(event.version)
      case 'shutdown':
        return this.#shutdown(event.request, event.servers)
      case 'forget':
        return this.#forget(event.request, event.servers)
      case 'audit':
        if (!this.#admission.isWaiting)
          this.#audit.begin(this.topology.primary.length, event.until, this.#now)
        return this.#goOnWithAudit()
      case 'tick':
        this.#tick()
        return this.#goOnWithAudit()
      default:
        return event satisfies never
    }
  }

  #started(): void {
    const { timing, returnWindowMs = 0 } = this.#options
    this.#admission.begin(this.#now, returnWindowMs, timing)
    this.#versions.changes.draft.touch()
    this.#versions.hurry()
    this.#versions.changes.events.push({ type: 'MASTER_STARTED' })
  }

  #linkOpened(link: LinkId, hello: Hello, isEarlier: boolean): void {
    this.#links.set(link, hello)
    if (hello.role === 'client') {
      this.#publisher.add(link, undefined)
      this.#sendWhole(link)
    } else if (hello.role !== 'cache-server' || this.#isSurpassing(link, readRegistration(hello).epoch))
      return
    else if (!this.#admission.isWaiting) this.#serverConnected(link, hello)
    else if (this.#admission.hold(link, hello, isEarlier, this.#now)) this.#send(link, topologyRequest)
  }

  /** Those that had to wait, and what they said meanwhile. */
  #letIn(): void {
    const decision = this.#admission.decide(this.#now)
    if (!decision) return
    if (decision.isAnotherLine) this.#replan('grow')
    for (const { link, hello, said } of decision.waiting)
      this.#guard(link, () => {
        this.#serverConnected(link, hello)
        for (const message of said) this.#message(link, message)
      })
  }

  #serverConnected(link: LinkId, hello: Hello): void {
    if (this.#membership.retired.how(hello.id) === 'released') return this.#sendReleased(link)
    const { changes } = this.#versions
    const server = this.#membership.admit(hello, changes)
    this.#admission.check(server)
    let member = this.#membership.get(hello.id)
    if (!member) {
      for (const id of this.#membership.namesakes(server, changes)) this.#detector.doubt(id, this.#now)
      member = this.#membership.join(server, changes, this.#now)
      this.#reconciler.invalidate('grow')
      // Where everything is served, others may join along with it: each version with joins costs a plan.
      if (changes.draft.primary.includes(NONE)) this.#versions.hurry()
    }
    const replaced = this.#membership.attach(member, link, server, this.#now)
    if (replaced !== undefined) {
      this.#publisher.remove(replaced)
      this.#emit({ type: 'close', link: replaced })
    }
    this.#detector.clear(hello.id)
    this.#heard(member)
    this.#publisher.add(link, hello.id)
    this.#sendWhole(link)
  }

  #linkLost(link: LinkId): void {
    const hello = this.#links.get(link)
    this.#links.delete(link)
    this.#surpassing.delete(link)
    this.#admission.lost(link)
    this.#publisher.remove(link)
    const member = hello && this.#membership.get(hello.id)
    if (!member || member.link !== link) return
    this.#membership.detach(member)
    const fields = { server: member.id }
    this.#emit({ type: 'log', level: 'warn', text: 'lost the connection to a cache server', fields })
    for (const death of this.#detector.linkLost(member.id, this.#now)) this.#bury(death)
  }

  #message(link: LinkId, message: Message): void {
    const hello = this.#links.get(link)
    if (this.#surpassing.has(link)) return
    if (this.#admission.holds(link)) this.#saidEarly(link, message)
    else if (hello?.role === 'cache-server') this.#serverMessage(link, hello.id, message)
    else if (hello) this.#clientMessage(link, message)
  }

  /** A server says it that has to wait. */
  #saidEarly(link: LinkId, message: Message): void {
    const isBeat = message[0] === MessageType.KEEP_ALIVE
    if (isBeat && this.#isSurpassing(link, readKeepAlive(message).epoch)) this.#admission.lost(link)
    else if (this.#admission.said(link, message, this.#now)) this.#send(link, topologyRequest)
  }

  /** Whether the server on this link follows a later master, of which the shell is told. */
  #isSurpassing(link: LinkId, epoch: number): boolean {
    if (!this.#admission.isLater(epoch, this.#validUntil)) return false
    this.#surpassing.add(link)
    this.#emit({ type: 'surpassed', epoch })
    return true
  }

  /** What a peer does wrong is told to that peer. */
  #guard(link: LinkId, handle: () => void): void {
    try {
      handle()
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#emit({ type: 'refuse', link, error })
    }
  }

  #clientMessage(link: LinkId, message: Message): void {
    if (message[0] === MessageType.DISTRIBUTION_REQUEST) return this.#sendWhole(link)
    if (message[0] === MessageType.SUSPECT) return this.#detector.hint(readSuspect(message), this.#now)
    throw new IcfError('PROTOCOL', `a client must not send message ${String(message[0])} to a master`)
  }

  /** The fence: only the present link of a present incarnation gets past it. */
  #serverMessage(link: LinkId, id: string, message: Message): void {
    const member = this.#membership.get(id)
    if (!member) {
      if (this.#membership.isEnding(id)) return
      if (this.#membership.retired.how(id) === 'released') return this.#sendReleased(link)
      throw fenced('this incarnation was declared dead')
    }
    if (member.link !== link) return
    switch (message[0]) {
      case MessageType.KEEP_ALIVE:
        return this.#keepAlive(member, link, message)
      case MessageType.DISTRIBUTION_REQUEST:
        return this.#sendWhole(link)
      case MessageType.SLOTS_COPIED:
        return this.#report(member, 'backup', message)
      case MessageType.SLOTS_HANDED_OFF:
        return this.#report(member, 'primary', message)
      case MessageType.SLOTS_AUDITED:
        this.#audit.said(id, link, message, this.#now)
        return this.#goOnWithAudit()
      case MessageType.SUSPECT:
        return this.#detector.hint(readSuspect(message), this.#now)
      case MessageType.UNREACHABLE:
        return this.#membership.reachability.said(id, readUnreachable(message))
      case MessageType.PROBE_RESULT: {
        const { number, outcome } = readProbeResult(message)
        return this.#bury(this.#detector.heard(number, id, outcome === 'gone', this.#now))
      }
      default:
        throw new IcfError(
          'PROTOCOL',
          `a cache server must not send message ${String(message[0])} to a master`,
        )
    }
  }

  #keepAlive(member: Member, link: LinkId, message: Message): void {
    const { beat, answeredBeat, leaving, epoch, version, load } = readKeepAlive(message)
    const { topology } = this
    if (this.#isSurpassing(link, epoch)) return
    if (!this.#versions.isKnown(epoch, version))
      throw fenced('this server follows a topology that its master does not know')
    if (this.#membership.isDeaf(member, answeredBeat)) return
    member.beatAt = this.#now
    if (version > member.follows) {
      member.follows = version
      this.#reconciler.followed()
    }
    if (this.#isToHandOver(member)) return
    this.#membership.silence.heard(member.id, this.#now)
    this.#heard(member)
    member.load = load
    const mayGive = this.#now < this.#validUntil
    if (mayGive && seatOf(topology, member.id) !== NONE && version >= member.mustFollow) {
      member.answeredBeat = beat
      this.#send(link, leaseMessage(beat, topology.epoch, topology.version))
    }
    if (leaving !== Leaving.NO) this.#leaveByItself(member.id, leaving === Leaving.GIVE_UP)
  }

  /**
   * Whether it is isolated and others, who are there, have what it has. It can not copy anything to anybody, nor let anybody take over
   * without a gap in who serves. So it is not answered until its lease is over, and they have taken over as from a
   * silent server; then it goes on with what only it has, or with nothing.
   */
  #isToHandOver({ id }: Member): boolean {
    if (!this.#membership.reachability.isolated.has(id)) return false
    const { draft } = this.#versions.changes
    const out = [...this.#membership.outIds()].map((other) => seatOf(draft, other))
    return sharesSlots(draft, seatOf(draft, id), new Set(out))
  }

  #report(member: Member, intent: Intent, message: Message): void {
    const { to, entries, bytes, completions } = readCopiesReport(message, this.topology.primary.length)
    const { draft } = this.#versions.changes
    const [reporter, receiver] = [seatOf(draft, member.id), seatOf(draft, to)]
    let done = 0
    for (const completion of receiver === NONE ? [] : completions) {
      if (!complete(draft, reporter, receiver, intent, completion)) continue
      this.#reconciler.made(completion.slot, intent, receiver)
      done++
    }
    this.#counters.rejectedReports += completions.length - done
    if (done === 0) return
    this.#progress.moved(done, entries, bytes)
    // Commands wait at slots that are handed off until that is in effect; nobody waits for a copy.
    if (intent === 'primary') this.#versions.hurry()
  }

  /** Servers, or what they hold, changed otherwise than by a move. */
  #replan(order: MoveOrder): void {
    this.#reconciler.invalidate(order)
    this.#versions.hurry()
  }

  #shutdown(request: number, ids: readonly string[]): void {
    try {
      this.#checkHasBegun()
      const gone = ids.find((id) => !this.#membership.get(id))
      if (gone !== undefined) throw new IcfError('UNKNOWN_SERVER', `no cache server has the id ${gone}`)
      this.#leave(ids, 'operator')
      this.#versions.changes.draft.touch()
      this.#versions.changes.answers.push({ request, result: ids })
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#emit({ type: 'answer', request, result: error })
    }
  }

  #leave(ids: readonly string[], reason: LeaveReason): void {
    const { changes } = this.#versions
    this.#membership.checkSpare(ids, changes)
    this.#departures.began(ids, reason === 'its own wish', changes.draft.servers)
    this.#membership.leave(ids, reason, changes)
    this.#replan('shrink')
  }

  /**
   * Its own operator wants it gone. When nobody is there who can take its slots, it waits for those that are silent. When there is
   * nobody else, they go with it only if that is meant: it knew, or all others were told to end as well. If it is the last because
   * another one died, it stays until somebody joins.
   */
  #leaveByItself(id: string, isGivingUp: boolean): void {
    const { changes } = this.#versions
    const { servers } = changes.draft
    if (servers[seatOf(changes.draft, id)]?.state === 'leaving') return
    if (this.#membership.canSpare([id], changes)) return this.#leave([id], 'its own wish')
    this.#departures.began([id], true, servers)
    if (servers.some((server) => canHold(server) && server!.id !== id)) return
    const leaving = servers.filter((server) => server?.state === 'leaving').map((server) => server!.id)
    if (!isGivingUp && !this.#departures.areAllMeant(leaving)) return
    for (const gone of this.#membership.abandon(id, changes)) this.#detector.clear(gone)
    this.#replan('shrink')
  }

  #heard(member: Member): void {
    if (this.#absence.heard(member, this.#versions.changes)) this.#replan('grow')
  }

  #tick(): void {
    if (this.#admission.isWaiting) return
    this.#lookForCuts()
    const silent = this.#detector.tick(this.#now)
    const overdue = this.#absence.overdue(this.#now)
    if (overdue.length > 0) return this.#bury({ ids: overdue, reason: 'forgotten' })
    const silenced = this.#absence.look(silent, this.#versions.changes, this.topology, this.#now)
    if (!silenced) return
    this.#counters.stoodIn(silenced)
    const { dead, isNew, promoted, unprotected } = silenced
    if (dead.length > 0) this.#bury({ ids: dead, reason: 'silence' })
    else if (isNew || promoted + unprotected > 0) this.#replan('restore')
  }

  #lookForCuts(): void {
    const { changes } = this.#versions
    if (!this.#membership.lookForCuts(changes, this.#now)) return
    changes.draft.touch()
    this.#replan('grow')
  }

  #forget(request: number, ids: readonly string[]): void {
    try {
      this.#checkHasBegun()
      for (const id of ids) this.#checkForgettable(id)
      this.#bury({ ids, reason: 'forgotten' })
      this.#versions.changes.answers.push({ request, result: ids })
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#emit({ type: 'answer', request, result: error })
    }
  }

  #goOnWithAudit(): void {
    const { isSettled } = this.#versions.effective.outlook
    const isAtRest = isSettled && !this.#versions.isPending
    const { effects, ended } = this.#audit.advance(this.topology, this.#membership, isAtRest, this.#now)
    this.#emit(...effects)
    if (!ended) return
    this.#auditedUntil = ended.until ?? this.#auditedUntil
    const { changes } = this.#versions
    changes.events.push(auditedEvent(this.#audit.status(this.#now)!))
    changes.draft.touch()
  }

  #checkHasBegun(): void {
    if (this.#admission.isWaiting)
      throw new IcfError('BUSY', 'this master has just started and waits for the cache servers: try again')
  }

  #checkForgettable(id: string): void {
    const member = this.#membership.get(id)
    if (!member) throw new IcfError('UNKNOWN_SERVER', `no cache server has the id ${id}`)
    if (member.absentSince === undefined)
      throw new IcfError(
        'INVALID_ARGUMENT',
        `cache server ${id.slice(0, 8)} is not silent, so there is nothing to give up: to take it out without loss, shut it down`,
      )
  }

  #bury(death: Death | undefined): void {
    if (!death || this.#admission.isWaiting) return
    const { ids, reason } = death
    if (this.#departures.areUnderWay(this.#versions.changes.draft.servers)) this.#departures.somebodyDied()
    const burial = this.#membership.die(ids, reason, this.#versions.changes, this.#now)
    this.#counters.died(reason, ids.length, burial)
    this.#replan('restore')
    for (const id of ids) this.#detector.clear(id)
  }

  #persisted(version: number): void {
    const { masters } = this.topology
    const commit = this.#versions.persisted(version)
    if (!commit) return
    // Nobody may find all masters gone that he knows, while one is active that he does not know.
    if (!sameMasters(masters, commit.topology.masters)) this.#membership.mustAllFollow(version)
    this.#counters.commits++
    for (const link of commit.released) {
      this.#publisher.remove(link)
      this.#sendReleased(link)
    }
    const error = fenced('this incarnation was declared dead')
    for (const link of commit.fenced) {
      this.#publisher.remove(link)
      this.#emit({ type: 'refuse', link, error })
    }
    this.#emit(...this.#publisher.publish(commit))
    for (const answer of commit.answers) this.#emit({ type: 'answer', ...answer })
  }

  #sendWhole(link: LinkId): void {
    if (this.isActive) this.#emit(...this.#publisher.sendWhole(link, this.#versions.effective))
  }

  #sendReleased(link: LinkId): void {
    this.#send(link, [MessageType.RELEASED])
  }

  #send(link: LinkId, message: Message): void {
    this.#emit({ type: 'send', links: [link], message })
  }

  #emit(...effects: readonly Effect[]): void {
    this.#effects.push(...effects)
  }
}
