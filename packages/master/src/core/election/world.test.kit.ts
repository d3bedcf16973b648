// Masters and voters on machines with clocks, disks and links of their own, all decided by a seed.
import { Ballot, compareStamps, type Answer, type BallotState, type Question } from '@icf/common'
import type { Random } from '@icf/testkit/random'
import assert from 'node:assert/strict'
import { sameCouncil } from './council.js'
import { Election, type ElectionEffect } from './election.js'
import type { Agreed } from './messages.js'

export const BOUND_MS = 600
const TIMING = { beatMs: 100, boundMs: BOUND_MS, maxDelayMs: 100 }
const TICK_MS = 25
const MAX_VOTERS = 5
/** For so long a master waits for its heir. */
const HAND_OVER_MS = 1000

/** What is agreed about: each knows which it goes on from. */
export interface State extends Agreed {
  readonly before: State | undefined
}

interface Process {
  readonly id: string
  readonly isMaster: boolean
  /** How fast its clock runs. */
  readonly rate: number
  isUp: boolean
  isPaused: boolean
  /** What it would do if it were not paused. */
  readonly missed: (() => void)[]
  ballot: Ballot<State>
  disk: BallotState<State>
  /** How long its disk takes. */
  saveMs: number
  /** Of a master that runs. */
  election: Election<State> | undefined
  /** Of the present process of this id. */
  run: number
  /** Of the term in which it is active. */
  leading: { readonly epoch: number; newest: State; isProposing: boolean; isHandingOver: boolean } | undefined
  /** Of a release that knows nothing of masters that end their terms. */
  isOld: boolean
  /** When its disk has all that it was given. */
  readyAt: number
}

/** All of it happens in order of time; `random` decides about everything. */
export class World {
  now = 0
  /** All that was in effect, as it was found out. */
  readonly agreed: State[] = []
  readonly #queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = []
  readonly #processes = new Map<string, Process>()
  /** `from>to` that are cut. */
  readonly #cuts = new Set<string>()
  /** When the last message on this way arrives. */
  readonly #ways = new Map<string, number>()
  readonly #connections = new Map<string, number>()
  #order = 0
  #nextServer = 1

  constructor(
    readonly random: Random,
    masters: number,
    servers: number,
    private readonly slowDisks = 0.2,
  ) {
    const ids = Array.from({ length: masters }, (_, i) => `m${i + 1}`)
    const first: State = {
      epoch: 0, version: 0, voters: ['m1'], masters: ['m1'], former: undefined, before: undefined,
    } // prettier-ignore
    for (const id of ids) {
      const state = { epoch: 0, accepted: id === 'm1' ? first : undefined }
      this.#processes.set(id, this.#process(id, true, state))
    }
    for (let i = 0; i < servers; i++) this.addServer()
    for (const id of ids) this.start(id)
  }

  get masters(): string[] {
    return [...this.#processes.values()].filter(({ isMaster }) => isMaster).map(({ id }) => id)
  }

  get servers(): string[] {
    return [...this.#processes.values()].filter(({ isMaster, isUp }) => !isMaster && isUp).map(({ id }) => id)
  }

  get ids(): string[] {
    return [...this.#processes.keys()]
  }

  /** Masters that take themselves for active, and may give leases. */
  get valid(): string[] {
    return [...this.#processes.values()]
      .filter(({ isUp, election, rate }) => isUp && election && election.validUntil > this.now * rate)
      .map(({ id }) => id)
  }

  isUp(id: string): boolean {
    return this.#get(id).isUp
  }

  isPaused(id: string): boolean {
    return this.#get(id).isPaused
  }

  #get(id: string): Process {
    return this.#processes.get(id)!
  }

  #process(id: string, isMaster: boolean, disk: BallotState<State>): Process {
    return {
      id,
      isMaster,
      rate: 0.9 + this.random.next() * 0.2,
      isUp: false,
      isPaused: false,
      missed: [],
      ballot: new Ballot<State>(BOUND_MS, disk),
      disk,
      saveMs: this.random.next() < this.slowDisks ? 1000 : 2,
      election: undefined,
      run: 0,
      leading: undefined,
      isOld: false,
      readyAt: 0,
    }
  }

  /** A new incarnation, which was never a voter. */
  addServer(): void {
    const id = `s${this.#nextServer++}`
    const process = this.#process(id, false, { epoch: 0, accepted: undefined })
    process.isUp = true
    this.#processes.set(id, process)
    for (const master of this.masters) this.#connect(master, id)
  }

  /** A master's process begins, with what its disk has. */
  start(id: string): void {
    const process = this.#get(id)
    const local = this.now * process.rate
    process.isUp = true
    process.run++
    process.readyAt = this.now
    process.ballot = new Ballot<State>(BOUND_MS, process.disk, local + BOUND_MS)
    process.leading = undefined
    process.election = new Election<State>({
      self: id,
      own: process.ballot,
      timing: TIMING,
      nextEpoch: (last) => last + 1,
      random: () => this.random.next(),
    })
    this.#tick(process, process.run)
    for (const other of this.ids) {
      if (this.#get(other).isUp) this.#connect(id, other)
      if (this.#get(other).isMaster && other !== id && this.isUp(other)) this.#connect(other, id)
    }
  }

  /** What a master has not saved is lost; a server never comes back as the same voter. */
  kill(id: string): void {
    const process = this.#get(id)
    process.isUp = false
    process.isPaused = false
    process.missed.length = 0
    process.election = undefined
    process.leading = undefined
    process.run++
    for (const other of this.ids) for (const [a, b] of [[id, other], [other, id]] as const) this.#disconnect(a, b) // prettier-ignore
    if (!process.isMaster) this.#processes.delete(id)
  }

  /** It is active, and is to hand over to the heir; it goes on when that has taken too long. */
  handOver(id: string, heir: string): void {
    const process = this.#get(id)
    const { run, leading } = process
    this.#in(process, run, () => {
      if (!leading || process.leading !== leading) return
      leading.isHandingOver = true
      this.#step(process, { type: 'handOver', heir })
      this.#later(HAND_OVER_MS, () =>
        this.#in(process, run, () => {
          if (process.leading !== leading) return
          leading.isHandingOver = false
          this.#step(process, { type: 'handOver', heir: undefined })
          this.#propose(process, leading.epoch, this.#next(process.id, leading))
        }),
      )
    })
  }

  makeOld(id: string): void {
    this.#get(id).isOld = true
  }

  pause(id: string): void {
    this.#get(id).isPaused = true
  }

  resume(id: string): void {
    const process = this.#get(id)
    process.isPaused = false
    for (const job of process.missed.splice(0)) job()
  }

  /** Nothing gets from one to the other any more; the connection ends where it is noticed. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
    this.#later(300, () => {
      if (this.#cuts.has(`${from}>${to}`)) for (const [a, b] of [[from, to], [to, from]] as const) this.#disconnect(a, b) // prettier-ignore
    })
  }

  heal(): void {
    this.#cuts.clear()
    for (const master of this.masters)
      for (const other of this.ids)
        if (this.isUp(master) && this.isUp(other) && !this.#isConnected(master, other))
          this.#connect(master, other)
  }

  /** Until it is `until`, or nothing happens any more. */
  run(until: number): void {
    for (let next = this.#queue[0]; next && next.at <= until; next = this.#queue[0]) {
      this.#queue.shift()
      this.now = next.at
      next.run()
      assert.ok(this.valid.length <= 1, `two masters are active: ${this.valid.join(', ')}`)
    }
    this.now = until
  }

  #later(delayMs: number, run: () => void): void {
    const job = { at: this.now + delayMs, order: this.#order++, run }
    let at = this.#queue.length
    while (at > 0 && this.#queue[at - 1]!.at > job.at) at--
    this.#queue.splice(at, 0, job)
  }

  /** In that process, unless it has ended by then. */
  #in(process: Process, run: number, job: () => void): void {
    if (process.run !== run || !this.#processes.has(process.id)) return
    if (process.isPaused) process.missed.push(() => this.#in(process, run, job))
    else job()
  }

  #tick(process: Process, run: number): void {
    this.#in(process, run, () => {
      this.#step(process, { type: 'tick' })
      this.#later(TICK_MS / process.rate, () => this.#tick(process, run))
    })
  }

  #isConnected(master: string, voter: string): boolean {
    return this.#connections.has(`${master}>${voter}`)
  }

  #connect(master: string, voter: string): void {
    const { run } = this.#get(master)
    this.#later(this.random.next() * 20, () => {
      const process = this.#processes.get(master)
      const other = this.#processes.get(voter)
      if (!process?.isUp || !other?.isUp || process.run !== run || this.#isConnected(master, voter)) return
      if (this.#isCut(master, voter)) return this.#later(100, () => this.#connect(master, voter))
      this.#connections.set(`${master}>${voter}`, this.#order++)
      this.#in(process, run, () => {
        if (this.#isConnected(master, voter))
          this.#step(process, { type: 'connected', voter, isMaster: other.isMaster })
      })
    })
  }

  /** The voter, or the master, connects anew before the other end has noticed that the link before broke. */
  replace(master: string, voter: string): void {
    if (!this.#isConnected(master, voter) || this.#isCut(master, voter)) return
    const [process, other] = [this.#get(master), this.#get(voter)]
    this.#connections.set(`${master}>${voter}`, this.#order++)
    this.#in(process, process.run, () => {
      if (this.#isConnected(master, voter))
        this.#step(process, { type: 'connected', voter, isMaster: other.isMaster })
    })
  }

  #isCut(a: string, b: string): boolean {
    return this.#cuts.has(`${a}>${b}`) || this.#cuts.has(`${b}>${a}`)
  }

  #disconnect(master: string, voter: string): void {
    if (!this.#connections.delete(`${master}>${voter}`)) return
    const process = this.#get(master)
    if (!process.isUp) return
    this.#in(process, process.run, () => this.#step(process, { type: 'disconnected', voter }))
    if (this.#processes.get(voter)?.isUp) this.#later(100, () => this.#connect(master, voter))
  }

  /** In order, on the present connection, with a delay. */
  #send(from: string, to: string, connection: number | undefined, pair: string, arrive: () => void): void {
    if (this.#cuts.has(`${from}>${to}`)) return this.#lose(pair, connection)
    const slow = from === to ? 0.1 : this.random.next() < 0.05 ? 300 : 3
    const way = `${from}>${to} of ${pair}`
    const at = Math.max(this.now + this.random.next() * slow, this.#ways.get(way) ?? 0)
    this.#ways.set(way, at)
    this.#later(at - this.now, () => {
      if (this.#connections.get(pair) === connection && connection !== undefined) arrive()
    })
  }

  /** What a connection has lost it does not go on without: it breaks, though it may heal before. */
  #lose(pair: string, connection: number | undefined): void {
    const [master, voter] = pair.split('>') as [string, string]
    this.#later(300, () => {
      if (connection !== undefined && this.#connections.get(pair) === connection)
        this.#disconnect(master, voter)
    })
  }

  #step(process: Process, event: Parameters<Election<State>['step']>[1]): void {
    const effects = process.election!.step(this.now * process.rate, event)
    for (const effect of effects) this.#perform(process, effect)
  }

  #perform(process: Process, effect: ElectionEffect<State>): void {
    switch (effect.type) {
      case 'ask':
        return this.#ask(process, effect.voter, effect.question)
      case 'elected': {
        const { epoch, state } = effect
        for (const agreed of this.agreed)
          // It may find out late that it was elected, when another was after it.
          if (agreed.epoch < epoch)
            assert.ok(descends(state, agreed), `term ${epoch} begins without ${name(agreed)}`)
        process.leading = { epoch, newest: state, isProposing: false, isHandingOver: false }
        return this.#propose(process, epoch, { ...state, before: state, epoch, version: state.version + 1 })
      }
      case 'agreed': {
        this.agreed.push(effect.state)
        const leading = process.leading!
        leading.isProposing = false
        const { run } = process
        this.#later(this.random.next() * 200, () =>
          this.#in(process, run, () => {
            if (process.leading === leading)
              this.#propose(process, leading.epoch, this.#next(process.id, leading))
          }),
        )
        return
      }
      case 'deposed':
        process.leading = undefined
        return
      default:
        effect satisfies never
    }
  }

  #propose(process: Process, epoch: number, state: State): void {
    const { leading } = process
    if (leading?.epoch !== epoch || leading.isProposing || leading.isHandingOver) return
    leading.newest = state
    leading.isProposing = true
    this.#step(process, { type: 'proposed', state })
  }

  /** As an active master does: one change of the voters at a time, and only to such as are there. */
  #next(active: string, { epoch, newest }: { readonly epoch: number; readonly newest: State }): State {
    const next = { ...newest, before: newest, epoch, version: newest.version + 1 }
    const isMaster = (id: string): boolean => this.masters.includes(id)
    if (newest.former) return { ...next, former: undefined }
    const servers = [...newest.voters.filter((id) => this.servers.includes(id)), ...this.servers]
    // Of masters that are not there, some are given up for good.
    const isKept = (id: string): boolean => isMaster(id) && (this.isUp(id) || this.random.next() < 0.9)
    const seats = [
      ...new Set([...newest.voters.filter(isKept), ...this.masters.filter((id) => this.isUp(id))]),
    ]
    const count = Math.max(0, Math.min(MAX_VOTERS, servers.length + seats.length) - seats.length)
    const voters = [...seats, ...[...new Set(servers)].slice(0, count)]
    if (voters.length % 2 === 0 && !seats.every((id) => this.isUp(id))) voters.push(active)
    const council = { voters, masters: seats }
    if (sameCouncil(council, newest)) return next
    return { ...next, ...council, former: { voters: newest.voters, masters: newest.masters } }
  }

  #ask(process: Process, voter: string, question: Question<State>): void {
    const pair = `${process.id}>${voter}`
    const connection = this.#connections.get(pair)
    const { run } = process
    this.#send(process.id, voter, connection, pair, () => {
      const other = this.#get(voter)
      const otherRun = other.run
      this.#in(other, otherRun, () => {
        const mustSave =
          question.type === 'vote'
            ? !question.isTrial
            : question.type === 'beat' && question.state !== undefined
        const answer = other.ballot.answer(this.now * other.rate, heardBy(other, question))
        if (question.type === 'last' && answer.isYes && !other.isOld && other.election)
          this.#step(other, { type: 'named', epoch: question.epoch })
        this.#save(other, mustSave, () =>
          this.#in(other, otherRun, () =>
            this.#send(voter, process.id, connection, pair, () =>
              this.#in(process, run, () => this.#answered(process, voter, connection, answer)),
            ),
          ),
        )
      })
    })
  }

  #answered(process: Process, voter: string, connection: number | undefined, answer: Answer<State>): void {
    if (this.#connections.get(`${process.id}>${voter}`) !== connection) return
    this.#step(process, { type: 'answered', voter, answer })
  }

  /** A master's vote is on its disk before it answers. */
  #save(process: Process, mustSave: boolean, done: () => void): void {
    if (!process.isMaster || !mustSave) return done()
    const { state } = process.ballot
    const { run } = process
    // What it is given while it writes is written together.
    process.readyAt = Math.max(process.readyAt, this.now + this.random.next() * process.saveMs)
    this.#later(process.readyAt - this.now, () => {
      if (process.run !== run || !process.isUp) return
      if (compareStamps(state.accepted, process.disk.accepted) >= 0 && state.epoch >= process.disk.epoch)
        process.disk = state
      done()
    })
  }
}

/** What the process makes of a question. */
function heardBy({ isOld }: Process, question: Question<State>): Question<State> {
  if (!isOld) return question
  const { number, epoch } = question
  if (question.type === 'last') return { type: 'beat', number, epoch, state: undefined }
  return question.type === 'vote' ? { ...question, ended: undefined } : question
}

export function name({ epoch, version }: State): string {
  return `${epoch}.${version}`
}

/** Whether `state` goes on from `ancestor`, or is it. */
export function descends(state: State, ancestor: State): boolean {
  let at: State | undefined = state
  while (at && compareStamps(at, ancestor) > 0) at = at.before
  return at !== undefined && compareStamps(at, ancestor) === 0
}
