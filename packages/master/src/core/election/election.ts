import { compareStamps, type Answer, type Ballot, type Stamp } from '@icf/common'
import { Candidacy } from './candidacy.js'
import { electors, isAlone } from './quorum.js'
import { Leadership, MAX_UNANSWERED } from './leadership.js'
import type { Agreed, Ask } from './messages.js'

export type ElectionEvent<State> =
  | { readonly type: 'tick' }
  /** What the voter is asked reaches it from now on. */
  | { readonly type: 'connected'; readonly voter: string; readonly isMaster: boolean }
  | { readonly type: 'disconnected'; readonly voter: string }
  | { readonly type: 'answered'; readonly voter: string; readonly answer: Answer<State> }
  /** This master can not go on with the state that it was elected with: it leaves that to others, until it keeps a newer one. */
  | { readonly type: 'unfit' }
  /** Somebody follows what a master of this later term made. */
  | { readonly type: 'surpassed'; readonly epoch: number }
  /** The active master wants this to take effect. One at a time, each newer than the one before. */
  | { readonly type: 'proposed'; readonly state: State }
  /**
   * The active master is to end its term for that standby, as soon as all that was proposed is in effect and the standby keeps
   * it; not any more when there is none. Nothing should be proposed meanwhile.
   */
  | { readonly type: 'handOver'; readonly heir: string | undefined }
  /** The master of that term has ended it, for this one. */
  | { readonly type: 'named'; readonly epoch: number }

export type ElectionEffect<State> =
  | Ask<State>
  /** This master is active from now on, and goes on with the newest state that may have been in effect. */
  | { readonly type: 'elected'; readonly epoch: number; readonly state: State }
  /** What was proposed is in effect. */
  | { readonly type: 'agreed'; readonly state: State }
  /** It is not active any more: a later term has begun, or is about to. `heir`: it ended its own term for that one. */
  | { readonly type: 'deposed'; readonly heir: string | undefined }

const MAX_PATIENCE_MS = 5000

/** Once nobody is sure to be bound to it for so many times as long as a beat binds, an active master lets those go who still are. */
const PATIENCE_BOUNDS = 2

/** A standby that could be active looks around so many times as long as a beat binds; and lets itself not be bound meanwhile. */
const DOUBT_BOUNDS = 4

export interface ElectionTiming {
  /** The active master speaks to everybody this often, in ms. */
  readonly beatMs: number
  /** For how long its word binds a voter, in ms by the voter's clock. */
  readonly boundMs: number
  /** A master that is not bound any more waits up to so long, at random, before it asks for votes; and again when it gets too few. */
  readonly maxDelayMs: number
}

export interface ElectionOptions<State extends Agreed> {
  /** Id of this master. */
  readonly self: string
  /** Its own vote, for which it is asked as all others are. */
  readonly own: Pick<Ballot<State>, 'epoch' | 'accepted' | 'boundUntil' | 'doubt'>
  readonly timing: ElectionTiming
  /** The term that comes after `last`. */
  nextEpoch(last: number): number
  /** From 0 up to, not including, 1. */
  random(): number
}

/**
 * Whether this master is active: it asks for votes when no other is, and what it proposes as the active one is in effect when
 * enough voters keep it. It decides without sockets, clocks and files: `step` takes what happened and returns what to do.
 *
 *     standby ──not bound, waited──▶ trial ──enough would vote──▶ candidate ──enough voted──▶ active
 *        ▲                            │                              │                          │
 *        └──────── bound to another master, or too few answer in time ┴── a later term has begun ┘
 *
 * A standby asks from time to time who would vote for it, though it is bound itself. When enough would, since they hear nothing
 * from the active master, that one holds out by the standbys alone, and can neither lead the servers nor be replaced: so it
 * is not obeyed any more, and not active any more soon.
 *
 * An active master can hand over (Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.10): it ends its term, and names
 * a standby that keeps everything, which asks for votes at once. With that it tells the voters that the term has ended: they
 * need not wait until its word binds them no more.
 */
export class Election<State extends Agreed> {
  readonly #options: ElectionOptions<State>
  /** Who can be asked, and whether it is a master. */
  readonly #connected = new Map<string, boolean>()
  /** By voter, the numbers of the questions that it has not answered on the present link, oldest first. */
  readonly #unanswered = new Map<string, Set<number>>()
  /** The newest that it knew when it could not go on with it. */
  #unfitWith: Stamp | undefined
  #role: 'standby' | Candidacy<State> | Leadership<State> = 'standby'
  /** When it asks for votes, if it is not bound before; undefined while it is. */
  #askAt: number | undefined
  #beatAt = -Infinity
  /** Of a standby that is bound: who would vote for it all the same. */
  #review: { readonly of: number; readonly trial: Candidacy<State> } | undefined
  #reviewAt = -Infinity
  /** How long it waits for votes, and at most before it asks again: each time longer, for disks may be slow. */
  #patienceMs: number
  /** The newest term that it has seen its own vote go to. */
  #votedFor = 0
  #number = 0
  /** The newest term of which a voter told. */
  #lastEpoch = 0
  /** The newest term that it knows to have been ended by its own master. */
  #ended: number | undefined
  /** Having ended its own term, it leaves it to its heir until then. */
  #yieldsUntil = -Infinity
  #effects: ElectionEffect<State>[] = []

  constructor(options: ElectionOptions<State>) {
    this.#options = options
    this.#patienceMs = options.timing.maxDelayMs
  }

  /** Until then, by the clock of `step`, no other master is active; -Infinity when this one is not. */
  get validUntil(): number {
    return this.#role instanceof Leadership ? this.#role.validUntil : -Infinity
  }

  get #isUnfit(): boolean {
    return this.#unfitWith !== undefined && compareStamps(this.#options.own.accepted, this.#unfitWith) <= 0
  }

  step(now: number, event: ElectionEvent<State>): ElectionEffect<State>[] {
    this.#effects = []
    switch (event.type) {
      case 'tick':
        this.#tick(now)
        break
      case 'connected':
        // The link before may have ended without a word.
        this.#disconnected(event.voter)
        this.#connected.set(event.voter, event.isMaster)
        this.#reach(event.voter, now)
        break
      case 'disconnected':
        this.#disconnected(event.voter)
        break
      case 'answered':
        this.#answered(now, event.voter, event.answer)
        break
      case 'unfit':
        this.#unfitWith = this.#role instanceof Leadership ? this.#role.newest : this.#options.own.accepted
        if (this.#role instanceof Leadership) this.#depose()
        break
      case 'surpassed':
        this.#lastEpoch = Math.max(this.#lastEpoch, event.epoch)
        if (this.#role instanceof Leadership && event.epoch > this.#role.epoch) this.#depose()
        break
      case 'proposed':
        if (!(this.#role instanceof Leadership)) break
        this.#role.propose(event.state)
        this.#beat(this.#role, now)
        break
      case 'handOver':
        if (!(this.#role instanceof Leadership)) break
        this.#role.heir = event.heir
        this.#handOver(this.#role, now)
        break
      case 'named':
        this.#named(now, event.epoch)
        break
      default:
        event satisfies never
    }
    return this.#effects
  }

  #tick(now: number): void {
    const { own, timing } = this.#options
    const role = this.#role
    if (role instanceof Leadership) {
      if (now >= Math.max(role.validUntil, role.begunAt) + PATIENCE_BOUNDS * timing.boundMs) this.#depose()
      else if (now >= this.#beatAt + timing.beatMs) this.#beat(role, now)
    } else if (now < own.boundUntil) {
      this.#follow()
      if (now >= Math.max(this.#reviewAt, this.#yieldsUntil)) this.#lookAround(now)
    } else if (this.#isOutvoted() || (role !== 'standby' && now >= role.givesUpAt)) this.#giveUp(role, now)
    else if (role === 'standby' && now >= this.#yieldsUntil) this.#stand(now)
  }

  /** Whether its own vote went to another since the last time: that one gets time. */
  #isOutvoted(): boolean {
    const { epoch } = this.#options.own
    const isOutvoted = epoch > this.#votedFor
    this.#votedFor = Math.max(this.#votedFor, epoch)
    return isOutvoted
  }

  #giveUp(role: 'standby' | Candidacy<State>, now: number): void {
    if (role !== 'standby' && !role.isTrial)
      this.#patienceMs = Math.min(2 * this.#patienceMs, MAX_PATIENCE_MS)
    this.#await(now)
  }

  /** Another is active, or may be. */
  #follow(): void {
    this.#role = 'standby'
    this.#askAt = undefined
    this.#patienceMs = this.#options.timing.maxDelayMs
  }

  #lookAround(now: number): void {
    const { self, own, timing } = this.#options
    this.#reviewAt = now + timing.boundMs
    if (!own.accepted || this.#isUnfit) return
    const trial = this.#candidacy(now, own.accepted, true, timing.boundMs)
    trial.supportedBy(self)
    this.#review = { of: own.epoch, trial }
    // It is told who votes: there may be hundreds of others.
    const voters = electors(own.accepted)
    const asked = [...this.#connected.keys()].filter((id) => voters.has(id))
    for (const ask of trial.ask(asked, this.#nextNumber)) this.#emitAsk(ask)
  }

  #reviewed(now: number): void {
    const { self, own, timing } = this.#options
    const { of, trial } = this.#review!
    if (!trial.isWon || !trial.newest.masters.includes(self)) return
    this.#review = undefined
    own.doubt(of, now + DOUBT_BOUNDS * timing.boundMs)
  }

  /** It will ask for votes, unless it is bound before. */
  #await(now: number): void {
    const { self, own, random } = this.#options
    const isUrgent = own.accepted !== undefined && isAlone(own.accepted, self)
    this.#role = 'standby'
    this.#askAt = isUrgent ? now : now + random() * this.#patienceMs
  }

  /** Nobody is active, as far as this master knows. */
  #stand(now: number): void {
    const { own } = this.#options
    if (this.#askAt === undefined) this.#await(now)
    if (now >= this.#askAt! && own.accepted && !this.#isUnfit)
      this.#ask(now, own.accepted, true, this.#options.timing.maxDelayMs)
  }

  /** @param patienceMs for how long it waits for votes. Nothing is saved for a trial. */
  #ask(now: number, newest: State, isTrial: boolean, patienceMs: number): void {
    this.#role = this.#candidacy(now, newest, isTrial, patienceMs)
    if (!isTrial) this.#votedFor = this.#role.epoch
    this.#askMore(this.#role)
  }

  #candidacy(now: number, newest: State, isTrial: boolean, patienceMs: number): Candidacy<State> {
    const { own, nextEpoch } = this.#options
    const epoch = nextEpoch(Math.max(own.epoch, this.#lastEpoch))
    return new Candidacy(epoch, isTrial, newest, this.#number + 1, now + patienceMs, this.#ended)
  }

  #askMore(candidacy: Candidacy<State>): void {
    for (const ask of candidacy.ask(this.#connected.keys(), this.#nextNumber)) this.#emitAsk(ask)
  }

  /** One more voter can be asked. */
  #reach(voter: string, now: number): void {
    const role = this.#role
    if (role instanceof Candidacy) this.#askMore(role)
    else if (role instanceof Leadership) this.#beatTo(role, voter, now)
  }

  #answered(now: number, voter: string, answer: Answer<State>): void {
    if (this.#unanswered.get(voter)?.delete(answer.number) !== true) return
    this.#lastEpoch = Math.max(this.#lastEpoch, answer.epoch)
    const role = this.#role
    if (role instanceof Candidacy) {
      role.answered(voter, answer)
      if (!role.isWon) this.#askMore(role)
      else if (!role.newest.masters.includes(this.#options.self)) this.#giveUp(role, now)
      else if (role.isTrial) this.#ask(now, role.newest, false, this.#patienceMs)
      else this.#lead(role, now)
    } else if (role instanceof Leadership) {
      if (answer.epoch > role.epoch) return this.#depose()
      const state = role.answered(voter, answer)
      if (state) this.#effects.push({ type: 'agreed', state })
      this.#handOver(role, now)
    } else if (this.#review) {
      this.#review.trial.answered(voter, answer)
      this.#reviewed(now)
    }
  }

  #lead({ epoch, newest }: Candidacy<State>, now: number): void {
    const { self, timing } = this.#options
    const leadership = new Leadership(self, epoch, newest, timing.boundMs, now)
    this.#role = leadership
    this.#effects.push({ type: 'elected', epoch, state: newest })
    this.#beat(leadership, now)
  }

  #depose(heir?: string): void {
    this.#follow()
    this.#effects.push({ type: 'deposed', heir })
  }

  /** If the heir can go on. From then on nobody is active until it is; should it fail, others are when they are not bound any more. */
  #handOver({ readyHeir, epoch }: Leadership<State>, now: number): void {
    if (readyHeir === undefined || !this.#connected.has(readyHeir)) return
    this.#ended = epoch
    this.#yieldsUntil = now + this.#options.timing.boundMs
    this.#depose(readyHeir)
    const question = { type: 'last', number: this.#nextNumber(), epoch } as const
    this.#emitAsk({ type: 'ask', voter: readyHeir, question })
  }

  /** No trial: whoever is content with that master has to be told that it is none any more. Disks may be slow: it has the time that a bound is long. */
  #named(now: number, epoch: number): void {
    const { own, timing } = this.#options
    const role = this.#role
    this.#ended = Math.max(this.#ended ?? 0, epoch)
    const isFree = role === 'standby' || (role instanceof Candidacy && role.isTrial)
    if (isFree && own.epoch === epoch && own.accepted && !this.#isUnfit)
      this.#ask(now, own.accepted, false, timing.boundMs)
  }

  #beat(leadership: Leadership<State>, now: number): void {
    this.#beatAt = now
    for (const voter of this.#connected.keys()) this.#beatTo(leadership, voter, now)
  }

  /** Standbys that have no say yet are told, too: they are to know the newest state when they get one. */
  #beatTo(leadership: Leadership<State>, voter: string, now: number): void {
    if (leadership.asks(voter) || this.#connected.get(voter) === true)
      this.#emitAsk(leadership.beat(voter, now, this.#nextNumber))
  }

  #emitAsk(ask: Ask<State>): void {
    let numbers = this.#unanswered.get(ask.voter)
    if (!numbers) this.#unanswered.set(ask.voter, (numbers = new Set()))
    numbers.add(ask.question.number)
    for (const oldest of numbers) {
      if (numbers.size <= MAX_UNANSWERED) break
      numbers.delete(oldest)
    }
    this.#effects.push(ask)
  }

  #disconnected(voter: string): void {
    this.#connected.delete(voter)
    this.#unanswered.delete(voter)
    if (this.#role !== 'standby') this.#role.disconnected(voter)
  }

  readonly #nextNumber = (): number => ++this.#number
}
