import {
  Ballot,
  compareStamps,
  type Answer,
  type BallotState,
  type KeptState,
  type Question,
  type Runtime,
  type Timer,
} from '@icf/common'

const RETRY_MS = 1000

export interface BallotDisk {
  /** Makes it safe. One at a time. */
  save(state: BallotState<KeptState>): Promise<void>
  /** It could not; it is tried again. */
  failed(error: unknown): void
}

interface Waiting {
  readonly state: BallotState<KeptState>
  saved(): void
}

/** A voter that outlives its process: nothing that it promised or keeps is answered before it is saved, however long that takes. */
export class DurableBallot {
  /** To be looked at: it may be ahead of what is saved. */
  readonly ballot: Ballot<KeptState>
  #saved: BallotState<KeptState>
  #isSaving = false
  #retry: Timer | undefined
  #isStopped = false
  #isFailing = false
  /** Answers that wait for the disk, oldest first. */
  #waiting: Waiting[] = []

  /**
   * @param boundMs for how long a master's word binds
   * @param stored what was saved last
   * @param boundUntil before it was started again it may have been bound until then
   */
  constructor(
    private readonly runtime: Runtime,
    boundMs: number,
    stored: BallotState<KeptState>,
    boundUntil: number,
    private readonly disk: BallotDisk,
  ) {
    this.ballot = new Ballot<KeptState>(
      boundMs,
      { epoch: stored.epoch, accepted: stored.accepted },
      boundUntil,
    )
    this.#saved = this.ballot.state
  }

  /** Resolves when the answer can be given. */
  async answer(question: Question<KeptState>): Promise<Answer<KeptState>> {
    const { epoch, accepted } = this.ballot
    const answer = this.ballot.answer(this.runtime.now(), question)
    const isOnlyHeard = question.type === 'beat' && !question.state && epoch === this.ballot.epoch
    const isOnlyAsked =
      question.type === 'vote' && epoch === this.ballot.epoch && accepted === this.ballot.accepted
    if (!isOnlyHeard && !isOnlyAsked) await this.#safe()
    return answer
  }

  /** False while the newest could not be saved. */
  get isSafe(): boolean {
    return !this.#isFailing
  }

  /** Nothing more is saved. */
  stop(): void {
    this.#isStopped = true
    this.runtime.clear(this.#retry)
  }

  /** Resolves when everything until now is saved. */
  #safe(): Promise<void> {
    const { state } = this.ballot
    if (isSame(this.#saved, state)) return Promise.resolve()
    return new Promise((saved) => {
      this.#waiting.push({ state, saved })
      if (!this.#isSaving) void this.#save()
    })
  }

  /** What comes while it saves is saved together. */
  async #save(): Promise<void> {
    this.#isSaving = true
    const { state } = this.ballot
    try {
      await this.disk.save(state)
    } catch (error) {
      if (this.#isStopped) return
      this.#isFailing = true
      this.disk.failed(error)
      this.#retry = this.runtime.setTimeout(() => void this.#save(), RETRY_MS)
      return
    }
    this.#isFailing = false
    this.#saved = state
    const waiting = this.#waiting
    this.#waiting = waiting.filter((one) => !isCovered(one.state, state))
    for (const one of waiting) if (isCovered(one.state, state)) one.saved()
    this.#isSaving = false
    if (this.#waiting.length > 0 && !this.#isStopped) await this.#save()
  }
}

function isSame(a: BallotState<KeptState>, b: BallotState<KeptState>): boolean {
  return a.epoch === b.epoch && a.accepted === b.accepted
}

/** Both only grow. */
function isCovered(state: BallotState<KeptState>, by: BallotState<KeptState>): boolean {
  return (
    state.epoch <= by.epoch &&
    (state.accepted === by.accepted || compareStamps(state.accepted, by.accepted) <= 0)
  )
}
