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
  type KeptState,
  type MasterInfo,
  type MasterStatus,
  type Message,
  type Question,
  type Runtime,
  type Timing,
  type Topology,
} from '@icf/common'
import { formatAddress, type Address, type Link } from '@icf/common/node'
import type { Logger } from 'pino'
import { Election, isAlone, type ElectionEffect, type ElectionEvent } from '../../core/index.js'
import type { Coordination, Peers, ServerVotes, Term } from '../coordination.js'
import { chooseForgotten, everybody, standby } from '../known-masters.js'
import { encodeState, type StoredState } from '../state-file.js'
import { Ticker } from '../ticker.js'
import { chooseHeir } from './choose-heir.js'
import { CouncilKeeper } from './council-keeper.js'
import { DurableBallot } from './durable-ballot.js'
import { aloneWith, Founding, hasOwnState } from './founding.js'
import { GivenUp } from './given-up.js'
import { HandOver } from './hand-over.js'
import { readBody } from './kept-body.js'
import { MasterPeers, type PeerMaster } from './master-peers.js'
import type { VoteStore } from './vote-store.js'
import { VotedTerm } from './voted-term.js'

const TICK_INTERVAL_MS = 25
/** Beats within the time for which one binds: as many may be late or lost. */
const BEATS = 6

export interface VotingOptions {
  readonly cluster: string
  /** Where other masters are, or will be. This one may be among them. */
  readonly peers: readonly Address[]
  readonly timing: Timing
  /** As of MasterOptions. */
  readonly slotCount?: number
  readonly store: VoteStore
  readonly logger: Logger
}

/**
 * Masters and cache servers vote for the active master, and what takes effect is what enough of them keep.
 */
export class VotingCoordination implements Coordination, Peers, ServerVotes {
  readonly #runtime: Runtime
  readonly #options: VotingOptions
  readonly #others: MasterPeers
  readonly #council: CouncilKeeper
  readonly #givenUp: GivenUp
  readonly #founding = new Founding()
  /** By its id, the link on which a voter is asked. */
  readonly #voters = new Map<string, Link>()
  #id = ''
  /** Once it can be reached. */
  #self: MasterInfo | undefined
  #mastersChanged: () => void = () => undefined
  #own: DurableBallot | undefined
  #election!: Election<KeptState>
  readonly #ticker: Ticker
  #term: VotedTerm | undefined
  /** The newest that was proposed in this term, or with which it began. */
  #newest: KeptState | undefined
  /** Of the state that is on its way to the voters, where it has another one than before. */
  #proposed: Topology | undefined
  /** By the last proposal. */
  #hasChangedVoters = false
  #isProposing = false
  #handOver: HandOver | undefined
  #elected: ((term: Term) => void) | undefined
  /** Whose word binds this master, and since when. */
  #bound: { readonly by: string; readonly at: number; readonly epoch: number } | undefined
  #hasEnded = false

  constructor(runtime: Runtime, options: VotingOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#givenUp = new GivenUp(runtime)
    this.#council = new CouncilKeeper(
      runtime,
      options.timing.deadAfterMs,
      (id) => id === this.#id || this.#voters.has(id),
    )
    this.#ticker = new Ticker(runtime, TICK_INTERVAL_MS, () => this.#tick())
    this.#others = new MasterPeers(runtime, {
      self: () => this.#id,
      introduce: () => ({
        role: 'master',
        cluster: options.cluster,
        id: this.#id,
        details: this.details(),
      }),
      opened: (peer) => this.#peerOpened(peer),
      lost: (peer) => this.#voterLost(peer.id, peer.link),
      message: (peer, message) => this.#answered(peer.id, peer.link, message),
      gone: (id, startedAt) => this.#gone(id, startedAt),
      failed: (where, error) =>
        options.logger.debug({ master: where, error }, 'can not reach another master'),
    })
  }

  get peers(): Peers {
    return this
  }

  get votes(): ServerVotes {
    return this
  }

  async open(): Promise<string> {
    const { store, timing } = this.#options
    const stored = await store.open()
    const vote = this.#founding.voteFrom(stored, () => this.#runtime.newId())
    this.#id = vote.masterId
    // Its id is known before anybody counts on its vote; what it had alone is kept until it shares that.
    if (!stored) await store.save(vote)
    const boundMs = termBoundMs(timing)
    const { accepted } = vote
    const mayBeBound = !accepted || !isAlone(accepted, this.#id)
    this.#own = new DurableBallot(
      this.#runtime,
      boundMs,
      vote,
      mayBeBound ? this.#runtime.now() + boundMs : -Infinity,
      {
        save: (state) => store.save({ masterId: this.#id, ...state }),
        failed: (error) =>
          this.#options.logger.error(
            { error },
            'can not save the vote of this master: nothing takes effect by it until it can be saved',
          ),
      },
    )
    this.#election = new Election<KeptState>({
      self: this.#id,
      own: this.#own.ballot,
      timing: { beatMs: boundMs / BEATS, boundMs, maxDelayMs: boundMs / BEATS },
      nextEpoch: (last) => Math.max(last + 1, Math.floor(this.#runtime.wallTimeMs() / 1000)),
      random: () => this.#runtime.random(),
    })
    return this.#id
  }

  serve(self: MasterInfo, mastersChanged: () => void): void {
    this.#self = self
    this.#mastersChanged = mastersChanged
    this.#council.masterSeen(self)
    for (const peer of this.#options.peers) this.#others.add(peer)
    const { accepted } = this.#own!.ballot
    if (accepted) this.#learn(accepted)
    this.#step({ type: 'connected', voter: this.#id, isMaster: true })
    this.#ticker.start()
    this.#tick()
  }

  campaign(): Promise<Term> {
    return new Promise((resolve) => {
      if (this.#term) resolve(this.#term)
      else this.#elected = resolve
    })
  }

  async handOver(to: string | undefined): Promise<MasterStatus> {
    const handOver = this.#handOver ?? this.#beginHandOver(to)
    const active = await handOver.done
    return { ...(this.others().find(({ id }) => id === active) ?? handOver.heir), role: 'active' }
  }

  async forget(selector: string): Promise<MasterStatus> {
    if (!this.#term) throw notActive()
    const master = chooseForgotten(everybody(this.#self!, this.others()), selector)
    this.#council.forget(master.id)
    if (master.isVoter) await this.#givenUp.untilDone(master.id)
    this.#mastersChanged()
    return master
  }

  /** Nothing is asked or answered any more, and what waits to take effect is given up. */
  stop(): void {
    this.#hasEnded = true
    this.#handOver?.failed('now, as this master ends')
    this.#ticker.stop()
    this.#others.stop()
    this.#givenUp.end()
    this.#term?.end()
    this.#own?.stop()
  }

  async end(): Promise<void> {
    this.stop()
    await this.#options.store.end()
  }

  get isSafe(): boolean {
    return this.#own!.isSafe
  }

  get isFollowing(): boolean {
    return this.#bound !== undefined && this.#own!.ballot.boundUntil > this.#runtime.now()
  }

  details(): readonly unknown[] {
    const { httpPort, machine, ...address } = this.#self!
    return masterDetails({
      address,
      httpPort,
      machine,
      knows: this.#isFounded ? Knowledge.SHARED : this.#founding.hasOwn ? Knowledge.OWN : Knowledge.NOTHING,
    })
  }

  masters(): MasterInfo[] {
    return this.#council.listed(this.#newest ?? aloneWith(this.#id))
  }

  others(): MasterStatus[] {
    const others = this.masters().filter(({ id }) => id !== this.#id)
    return others.map((info) =>
      standby(info, this.#voters.has(info.id), this.#newest?.masters.includes(info.id) === true),
    )
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
      message: (message) => void this.#asked(link, message),
      close: () => undefined,
    }
  }

  serverConnected(link: Link): void {
    const { id } = link.remote
    this.#voters.set(id, link)
    this.#council.serverSeen(id)
    this.#step({ type: 'connected', voter: id, isMaster: false })
  }

  serverLost(link: Link): void {
    const { id } = link.remote
    if (this.#voters.get(id) === link) this.#council.serverLost(id)
    this.#voterLost(id, link)
  }

  serverMessage(link: Link, message: Message): boolean {
    const isVote = message[0] === MessageType.VOTED
    if (isVote) this.#answered(link.remote.id, link, message)
    this.#ticker.poke(this.#runtime.now())
    return isVote
  }

  get #isFounded(): boolean {
    return this.#own!.ballot.accepted !== undefined
  }

  #tick(): void {
    if (this.#hasEnded) return
    if (!this.#isFounded && this.#founding.isDue(this.#id, this.#others.all)) this.#found()
    this.#step({ type: 'tick' })
    this.#proposeNext()
  }

  #found(): void {
    this.#options.logger.info({ id: this.#id }, 'founding a cluster: no other master knows of one')
    const state = this.#founding.begin(this.#id)
    const { epoch } = state
    void this.#askOwn({ type: 'beat', number: 0, epoch, state })
    this.#own!.ballot.release(epoch)
  }

  #peerOpened(peer: PeerMaster): void {
    if (formatAddress(peer.details.address) === formatAddress(this.#self!))
      return this.#options.logger.error(
        { master: peer.id },
        'another master says that it is at the address of this one: start it with --advertise-host, and the address by which others reach it',
      )
    this.#voters.set(peer.id, peer.link)
    if (this.#founding.hasOwn && peer.details.knows !== Knowledge.NOTHING)
      this.#options.logger.error({ master: formatAddress(peer.details.address) }, hasOwnState().message)
    const { address, httpPort, machine } = peer.details
    this.#council.masterSeen({ id: peer.id, ...address, httpPort, machine })
    this.#step({ type: 'connected', voter: peer.id, isMaster: true })
    this.#mastersChanged()
  }

  #voterLost(id: string, link: Link): void {
    if (this.#voters.get(id) !== link) return
    this.#voters.delete(id)
    if (this.#handOver?.heir.id === id) this.#handOver.failed('now, as the connection to it broke')
    this.#step({ type: 'disconnected', voter: id })
  }

  /** Another master asks for this one's vote. */
  async #asked(link: Link, message: Message): Promise<void> {
    try {
      if (!isQuestion(message))
        throw new IcfError('PROTOCOL', `a master must not send message ${String(message[0])} to a master`)
      if (this.#founding.hasOwn) throw hasOwnState()
      const question = readQuestion(message)
      const answer = await this.#own!.answer(question)
      if (question.type === 'beat' && answer.isYes) {
        this.#bound = { by: link.remote.id, at: this.#runtime.now(), epoch: question.epoch }
        if (question.state) this.#learn(question.state)
      }
      link.send(answerMessage(answer))
      if (question.type === 'beat' && question.state && answer.isYes && this.#council.isKnown(link.remote.id))
        this.#handOver?.followed(link.remote.id)
      if (question.type === 'last' && answer.isYes) this.#step({ type: 'named', epoch: question.epoch })
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      link.refuse(error)
    }
  }

  /** Those with a vote have to find each other, also such as nobody named to this one. */
  #learn(state: KeptState): void {
    if (state.masters.every((id) => this.#council.isKnown(id))) return
    const news = this.#council.learn(this.#mastersIn(state))
    for (const { id, host, port } of news) if (id !== this.#id) this.#others.add({ host, port })
  }

  /** None of a state that it can not read: it may vote all the same. */
  #mastersIn(state: KeptState): readonly MasterInfo[] {
    try {
      return storedIn(state, this.#options.slotCount)?.topology.masters ?? []
    } catch {
      return []
    }
  }

  /** No process is there any more that could be active. */
  #gone(id: string, startedAt: number): void {
    const bound = this.#bound
    if (bound?.by === id && bound.at <= startedAt) this.#own!.ballot.release(bound.epoch)
  }

  #answered(voter: string, link: Link, message: Message): void {
    if (message[0] !== MessageType.VOTED)
      throw new IcfError('PROTOCOL', `a master must not answer with message ${String(message[0])}`)
    const answer = readAnswer(message)
    if (this.#voters.get(voter) === link) this.#step({ type: 'answered', voter, answer })
  }

  #step(event: ElectionEvent<KeptState>): void {
    if (this.#hasEnded) return
    for (const effect of this.#election.step(this.#runtime.now(), event)) this.#perform(effect)
  }

  #perform(effect: ElectionEffect<KeptState>): void {
    switch (effect.type) {
      case 'ask':
        if (effect.voter === this.#id) void this.#askOwn(effect.question)
        else this.#voters.get(effect.voter)?.send(questionMessage(effect.question))
        return
      case 'elected':
        return this.#lead(effect.epoch, effect.state)
      case 'agreed':
        return this.#agreed()
      case 'deposed':
        return this.#depose(effect.heir)
      default:
        return effect satisfies never
    }
  }

  async #askOwn(question: Question<KeptState>): Promise<void> {
    const answer = await this.#own!.answer(question)
    this.#step({ type: 'answered', voter: this.#id, answer })
  }

  #lead(epoch: number, state: KeptState): void {
    let stored: StoredState | undefined
    try {
      stored = storedIn(state, this.#options.slotCount)
    } catch (error) {
      this.#options.logger.error(
        { error, epoch },
        'can not read the state that the voters keep: this master leaves it to others',
      )
      return this.#step({ type: 'unfit' })
    }
    const listed = stored?.topology.masters.find(({ id }) => id === this.#id)
    if (listed && formatAddress(listed) !== formatAddress(this.#self!)) {
      this.#options.logger.error(
        { epoch },
        `this master has a vote as the one at ${formatAddress(listed)}, where cache servers would look for it in vain: start it there, or let another master become active first`,
      )
      return this.#step({ type: 'unfit' })
    }
    this.#council.began(stored?.topology, stored?.timing?.deadAfterMs ?? 0)
    this.#learn(state)
    this.#newest = state
    this.#proposed = undefined
    this.#isProposing = false
    const term = new VotedTerm(epoch, stored, {
      validUntil: () => this.#election.validUntil,
      wanted: () => this.#proposeNext(),
      surpassed: (later) => this.#step({ type: 'surpassed', epoch: later }),
    })
    this.#term = term
    this.#handOver?.failed('now, but this one again')
    this.#elected?.(term)
    this.#elected = undefined
  }

  /** What the core wants to take effect; or a change of who votes, once something of this term is in effect. */
  #proposeNext(): void {
    const [term, newest] = [this.#term, this.#newest]
    if (!term || !newest || this.#isProposing) return
    // What it has proposed is all that the heir needs; the first of a term is that which it is to have.
    if (this.#handOver && newest.epoch === term.epoch) return
    // A change of the voters goes by what is in effect: nothing else takes effect with it. They take turns.
    const isOfVoters = newest.epoch === term.epoch && !(this.#hasChangedVoters && term.isWaiting)
    const electorate = isOfVoters ? this.#council.next(newest, this.#id) : newest
    this.#hasChangedVoters = electorate !== newest
    const state = this.#hasChangedVoters ? undefined : term.take()
    if (!state && !this.#hasChangedVoters) return
    const { voters, masters, former } = electorate
    const body = state ? Buffer.from(encodeState(this.#options.cluster, state)) : newest.body
    this.#newest = { epoch: term.epoch, version: newest.version + 1, voters, masters, former, body }
    this.#proposed = state?.topology
    this.#isProposing = true
    this.#step({ type: 'proposed', state: this.#newest })
  }

  #agreed(): void {
    this.#isProposing = false
    if (this.#proposed) this.#council.inEffect(this.#proposed)
    this.#givenUp.agreed(this.#newest!)
    this.#term?.agreed()
    this.#proposeNext()
    this.#mastersChanged()
  }

  #depose(heir: string | undefined): void {
    const term = this.#term
    this.#term = undefined
    if (heir === undefined) this.#handOver?.failed('now, as another one is active')
    else this.#handOver?.ended()
    this.#givenUp.end()
    term?.end()
  }

  #beginHandOver(to: string | undefined): HandOver {
    if (!this.#term) throw notActive()
    const handOver = new HandOver(this.#runtime, chooseHeir(everybody(this.#self!, this.others()), to))
    this.#handOver = handOver
    const over = (): void => {
      this.#handOver = undefined
      this.#step({ type: 'handOver', heir: undefined })
      this.#proposeNext()
    }
    handOver.done.then(over, over)
    this.#step({ type: 'handOver', heir: handOver.heir.id })
    return handOver
  }
}

/** Undefined of a cluster that was only founded. */
function storedIn({ body }: KeptState, slotCount: number | undefined): StoredState | undefined {
  return body.length === 0 ? undefined : readBody(body, 'the state that voters keep', slotCount)
}

function notActive(): IcfError {
  return new IcfError('STANDBY', 'this master is not the active one any more')
}
