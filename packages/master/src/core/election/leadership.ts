import { compareStamps, type Answer, type Electorate, type Stamp } from '@icf/common'
import { electors, isAlone, isQuorum } from './quorum.js'
import type { Agreed, Ask } from './messages.js'

/** Clocks drift: what is a second by a voter's clock may be as little by ours. Two that drift by a tenth each: 0.82. */
const TRUSTED_SHARE = 0.8

/** Beats that may be unanswered at once by one voter; older ones count as lost. */
export const MAX_UNANSWERED = 1000

interface Listener {
  /** Beats that it has not answered on the present link, oldest first, by number. One with a state may be answered later than others. */
  readonly unanswered: Map<number, Beat>
  /** What was sent to it last on the present link. */
  sent: Stamp | undefined
  /** The newest of this term that it keeps for sure. */
  keeps: Stamp | undefined
  /** When the newest of the beats was sent that it has answered. */
  heardAt: number
}

interface Beat {
  readonly sentAt: number
  readonly state: Stamp | undefined
}

/**
 * The term of the master that is active: what it proposes is in effect once enough voters keep it, and as long as enough of
 * them are bound to it, nobody else is active.
 */
export class Leadership<State extends Agreed> {
  readonly #listeners = new Map<string, Listener>()
  #proposed: State | undefined
  /** Who decides until what is proposed is in effect. */
  #electorate: Electorate
  #validUntil = -Infinity
  /** The standby for which the term is to end. */
  heir: string | undefined

  /** @param newest with which the term begins */
  constructor(
    private readonly self: string,
    readonly epoch: number,
    readonly newest: State,
    private readonly boundMs: number,
    readonly begunAt: number,
  ) {
    this.#electorate = newest
    this.#count()
  }

  /** Until then, by this master's clock, nobody else is active. */
  get validUntil(): number {
    return this.#validUntil
  }

  /** @param state newer than what is proposed already, which must be in effect before others have a say */
  propose(state: State): void {
    this.#proposed = state
  }

  /** The heir, once all that was proposed is in effect, and it keeps that and may lead. */
  get readyHeir(): string | undefined {
    const { heir } = this
    const state = this.#proposed
    if (heir === undefined || !state || this.#electorate !== state || !state.masters.includes(heir))
      return undefined
    return compareStamps(this.#listeners.get(heir)?.keeps, state) >= 0 ? heir : undefined
  }

  /** Whether the voter has a say in what is in effect, or in what is proposed. */
  asks(voter: string): boolean {
    return (
      electors(this.#electorate).has(voter) ||
      (this.#proposed !== undefined && electors(this.#proposed).has(voter))
    )
  }

  /** Its word to a voter that is connected. */
  beat(voter: string, now: number, nextNumber: () => number): Ask<State> {
    const { epoch } = this
    const listener = this.#listener(voter)
    const state = compareStamps(this.#proposed, listener.sent) > 0 ? this.#proposed : undefined
    if (state) listener.sent = state
    const number = nextNumber()
    listener.unanswered.set(number, { sentAt: now, state })
    for (const [oldest, lost] of listener.unanswered) {
      if (listener.unanswered.size <= MAX_UNANSWERED) break
      listener.unanswered.delete(oldest)
      if (lost.state) listener.sent = listener.keeps
    }
    return { type: 'ask', voter, question: { type: 'beat', number, epoch, state } }
  }

  /** @returns what is in effect by that, and was not before */
  answered(voter: string, { number, isYes }: Answer<State>): State | undefined {
    const listener = this.#listener(voter)
    const beat = listener.unanswered.get(number)
    if (!beat) return undefined
    listener.unanswered.delete(number)
    if (!isYes) {
      // It does not obey now, and has kept nothing: it is told again.
      if (beat.state) listener.sent = listener.keeps
      return undefined
    }
    listener.heardAt = Math.max(listener.heardAt, beat.sentAt)
    if (compareStamps(beat.state, listener.keeps) > 0) listener.keeps = beat.state
    const state = this.#agreed()
    this.#count()
    return state
  }

  /** What was sent to it may be lost, and what it answered. */
  disconnected(voter: string): void {
    const listener = this.#listeners.get(voter)
    if (!listener) return
    listener.unanswered.clear()
    listener.sent = listener.keeps
  }

  #agreed(): State | undefined {
    const state = this.#proposed
    const keeps = (id: string): boolean => compareStamps(this.#listeners.get(id)?.keeps, state) >= 0
    if (!state || this.#electorate === state || !isQuorum(state, keeps)) return undefined
    this.#electorate = state
    return state
  }

  /** Enough have heard something that was said so late. */
  #count(): void {
    if (isAlone(this.#electorate, this.self)) this.#validUntil = Infinity
    else {
      const heardAt = (id: string): number => this.#listeners.get(id)?.heardAt ?? -Infinity
      const times = [...electors(this.#electorate)].map(heardAt).sort((a, b) => b - a)
      const since = times.find((time) => isQuorum(this.#electorate, (id) => heardAt(id) >= time))
      this.#validUntil = (since ?? -Infinity) + this.boundMs * TRUSTED_SHARE
    }
  }

  #listener(id: string): Listener {
    let listener = this.#listeners.get(id)
    if (!listener)
      this.#listeners.set(
        id,
        (listener = { unanswered: new Map(), sent: undefined, keeps: undefined, heardAt: -Infinity }),
      )
    return listener
  }
}
