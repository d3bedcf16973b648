import { compareVersions } from './topology/topology.js'

/** Where a state stands in the one order of all states: by the term of the master that proposed it, then by version. */
export interface Stamp {
  readonly epoch: number
  readonly version: number
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`; nothing is older than all. */
export function compareStamps(a: Stamp | undefined, b: Stamp | undefined): number {
  return compareVersions(a?.epoch ?? -1, a?.version ?? -1, b?.epoch ?? -1, b?.version ?? -1)
}

/** A master that wants to be active asks for a vote. */
export interface VoteQuestion {
  readonly type: 'vote'
  readonly number: number
  /** Of the term that it wants. */
  readonly epoch: number
  /** It only wants to know what the answer would be: nothing comes of it. */
  readonly isTrial: boolean
  /** The newest state that it knows. */
  readonly has: Stamp | undefined
  /** A term whose master has ended it by its own word: that binds nobody any more. */
  readonly ended: number | undefined
}

/** The active master's word, which binds the voter to it; perhaps with a state to keep. */
export interface BeatQuestion<State> {
  readonly type: 'beat'
  readonly number: number
  readonly epoch: number
  readonly state: State | undefined
}

/** The word with which a master ends its term: it is not active any more, and the master that it tells is to be the next. */
export interface LastQuestion {
  readonly type: 'last'
  readonly number: number
  readonly epoch: number
}

/** What a master asks a voter. It asks itself, too, as one of them. */
export type Question<State> = VoteQuestion | BeatQuestion<State> | LastQuestion

export interface Answer<State> {
  /** Of the question. Numbers of one master rise. Answers may come in another order: what must be saved takes its time. */
  readonly number: number
  /** It votes, or would vote, for the master; or it has heard, and obeys. */
  readonly isYes: boolean
  /** The newest term that the voter knows of. */
  readonly epoch: number
  /** The voter's newest state, when that is newer than the one that a candidate has. */
  readonly newer: State | undefined
}

/** What of a vote must outlive its process, if the process is to come back as the same voter. */
export interface BallotState<State extends Stamp> {
  readonly epoch: number
  readonly accepted: State | undefined
}

/**
 * One voter: the newest term that it voted for, and the newest state that a master asked it to keep. Any two masters need a
 * voter in common to be active; it tells the later one what the earlier one did, and refuses the earlier one from then on
 * (Lamport, "Paxos Made Simple", 2001). While it is bound to a master it votes for nobody else, so that the master knows until
 * when it is the only one (Gray and Cheriton, "Leases", 1989).
 *
 * It has no clock, disk or link: whoever owns it saves its `state` before an answer goes out.
 */
export class Ballot<State extends Stamp> {
  #epoch: number
  #accepted: State | undefined
  #boundUntil: number
  #doubted = { epoch: -1, until: -Infinity }

  /**
   * @param boundMs for how long a master's word binds, by this voter's clock
   * @param boundUntil one that is started again may have been bound until then before
   */
  constructor(
    private readonly boundMs: number,
    { epoch, accepted }: BallotState<State> = { epoch: 0, accepted: undefined },
    boundUntil = -Infinity,
  ) {
    this.#epoch = epoch
    this.#accepted = accepted
    this.#boundUntil = boundUntil
  }

  get state(): BallotState<State> {
    return { epoch: this.#epoch, accepted: this.#accepted }
  }

  /** The newest term that it has voted for, or obeyed: it obeys no older one. */
  get epoch(): number {
    return this.#epoch
  }

  /** The newest state that it was asked to keep. It may never have been in effect: nobody acts by it. */
  get accepted(): State | undefined {
    return this.#accepted
  }

  /** Until then it votes for nobody. */
  get boundUntil(): number {
    return this.#boundUntil
  }

  answer(now: number, question: Question<State>): Answer<State> {
    switch (question.type) {
      case 'vote':
        return this.#vote(now, question)
      case 'beat':
        return this.#hear(now, question)
      case 'last':
        return this.#hearLast(question)
      default:
        return question satisfies never
    }
  }

  /** The term is over for sure: its master's process is gone, or has given it up. */
  release(epoch: number): void {
    if (epoch === this.#epoch) this.#boundUntil = -Infinity
  }

  /** The master of that term reaches too few others: until then its word does not bind, unless it is said in a later term. */
  doubt(epoch: number, until: number): void {
    this.#doubted = { epoch, until }
  }

  #vote(now: number, { number, epoch, isTrial, has, ended }: VoteQuestion): Answer<State> {
    const isFree = now >= this.#boundUntil || ended === this.#epoch
    const isYes = epoch > this.#epoch && isFree
    if (isYes && !isTrial) {
      this.#epoch = epoch
      this.#boundUntil = -Infinity
    }
    const newer = compareStamps(this.#accepted, has) > 0 ? this.#accepted : undefined
    return { number, isYes, epoch: this.#epoch, newer }
  }

  #hear(now: number, { number, epoch, state }: BeatQuestion<State>): Answer<State> {
    const isDoubted = epoch === this.#doubted.epoch && now < this.#doubted.until
    const isYes = epoch >= this.#epoch && !isDoubted
    if (isYes) {
      this.#epoch = epoch
      this.#boundUntil = now + this.boundMs
      if (compareStamps(state, this.#accepted) > 0) this.#accepted = state
    }
    return { number, isYes, epoch: this.#epoch, newer: undefined }
  }

  #hearLast({ number, epoch }: LastQuestion): Answer<State> {
    this.release(epoch)
    return { number, isYes: epoch === this.#epoch, epoch: this.#epoch, newer: undefined }
  }
}
