import { compareStamps, type Answer } from '@icf/common'
import { electors, isQuorum } from './quorum.js'
import type { Agreed, Ask } from './messages.js'

/** One attempt of a master to become active in a term. */
export class Candidacy<State extends Agreed> {
  #newest: State
  readonly #asked = new Set<string>()
  readonly #votes = new Set<string>()
  readonly #firstNumber: number

  /**
   * @param newest the newest state that this master knows: who votes by it decides, unless a voter knows a newer one
   * @param isTrial it asks who would vote for it. Asked in earnest, a majority that is content with its master would depose it
   *   (Ongaro 2014, 9.6)
   * @param firstNumber its questions are numbered from there on
   * @param ended a term of which this master knows that its own master has ended it: nobody has to wait for that
   */
  constructor(
    readonly epoch: number,
    readonly isTrial: boolean,
    newest: State,
    firstNumber: number,
    readonly givesUpAt: number,
    private readonly ended: number | undefined,
  ) {
    this.#newest = newest
    this.#firstNumber = firstNumber
  }

  /** Of all that voters know, too: whatever was in effect is no newer than this once it is won. */
  get newest(): State {
    return this.#newest
  }

  get isWon(): boolean {
    return isQuorum(this.#newest, (id) => this.#votes.has(id))
  }

  /**
   * Asks those that can be asked and were not yet: who has a say, and in a trial everybody, since whoever has a say now may
   * be known to those alone who have it.
   */
  ask(connected: Iterable<string>, nextNumber: () => number): Ask<State>[] {
    const { epoch, isTrial, ended } = this
    const asks: Ask<State>[] = []
    const voters = electors(this.#newest)
    for (const voter of connected) {
      if (this.#asked.has(voter) || !(isTrial || voters.has(voter))) continue
      this.#asked.add(voter)
      const { epoch: hasEpoch, version } = this.#newest
      const has = { epoch: hasEpoch, version }
      asks.push({
        type: 'ask',
        voter,
        question: { type: 'vote', number: nextNumber(), epoch, isTrial, has, ended },
      })
    }
    return asks
  }

  answered(voter: string, { number, isYes, newer }: Answer<State>): void {
    if (number < this.#firstNumber) return
    if (newer && compareStamps(newer, this.#newest) > 0) this.#newest = newer
    if (isYes) this.#votes.add(voter)
  }

  /** It votes for this master, without being asked. */
  supportedBy(voter: string): void {
    this.#votes.add(voter)
  }

  /** What was asked of it, or the answer, is lost. */
  disconnected(voter: string): void {
    if (!this.#votes.has(voter)) this.#asked.delete(voter)
  }
}
