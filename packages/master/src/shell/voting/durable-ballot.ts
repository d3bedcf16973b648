import { Ballot, type Answer, type BallotState, type Clock, type KeptState, type Question } from '@icf/common'

/** A voter that outlives its process: nothing that it promised or keeps is answered before it is saved. */
export class DurableBallot {
  /** To be looked at: it may be ahead of what is saved. */
  readonly ballot: Ballot<KeptState>
  #saved: BallotState<KeptState>
  /** What is being saved, and when that is done. */
  #saving: { readonly state: BallotState<KeptState>; readonly done: Promise<void> } | undefined
  /** What came while that is saved is saved together. */
  #next: Promise<void> | undefined

  /**
   * @param stored what was saved last
   * @param boundMs for how long a master's word binds
   * @param boundUntil before it was started again it may have been bound until then
   * @param save makes it safe; one at a time
   */
  constructor(
    private readonly clock: Clock,
    boundMs: number,
    stored: BallotState<KeptState>,
    boundUntil: number,
    private readonly save: (state: BallotState<KeptState>) => Promise<void>,
  ) {
    this.ballot = new Ballot<KeptState>(
      boundMs,
      { epoch: stored.epoch, accepted: stored.accepted },
      boundUntil,
    )
    this.#saved = this.ballot.state
  }

  /** Rejects when it can not be saved: then nothing may be answered. */
  async answer(question: Question<KeptState>): Promise<Answer<KeptState>> {
    const { epoch, accepted } = this.ballot
    const answer = this.ballot.answer(this.clock.now(), question)
    const isOnlyHeard = question.type === 'beat' && !question.state && epoch === this.ballot.epoch
    const isOnlyAsked =
      question.type === 'vote' && epoch === this.ballot.epoch && accepted === this.ballot.accepted
    if (!isOnlyHeard && !isOnlyAsked) await this.#safe()
    return answer
  }

  /** Resolves when everything until now is saved. */
  #safe(): Promise<void> {
    const { state } = this.ballot
    if (this.#saving && isSame(this.#saving.state, state)) return this.#saving.done
    if (!this.#saving && isSame(this.#saved, state)) return Promise.resolve()
    return (this.#next ??= this.#afterPresent())
  }

  async #afterPresent(): Promise<void> {
    // Whether that could be saved is told to those who wait for it.
    await this.#saving?.done.catch(() => undefined)
    this.#next = undefined
    const { state } = this.ballot
    const saving = { state, done: this.save(state) }
    this.#saving = saving
    try {
      await saving.done
      this.#saved = state
    } finally {
      if (this.#saving === saving) this.#saving = undefined
    }
  }
}

function isSame(a: BallotState<KeptState>, b: BallotState<KeptState>): boolean {
  return a.epoch === b.epoch && a.accepted === b.accepted
}
