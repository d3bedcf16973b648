import { Ballot, termBoundMs, type Answer, type KeptState, type Question, type Timing } from '@icf/common'

/**
 * This incarnation's say in which master is active, and the state that it keeps for the next one. It is in memory: who comes
 * back comes with another id, as another voter.
 */
export class Voter {
  #boundMs = 0
  #ballot = new Ballot<KeptState>(this.#boundMs)
  /** The master whose word binds it. */
  #master: { readonly id: string; readonly epoch: number } | undefined

  /** What a master says at WELCOME. Should they differ, it is bound for as long as any of them may rely on. */
  learn(timing: Timing): void {
    const boundMs = termBoundMs(timing)
    if (boundMs <= this.#boundMs) return
    this.#boundMs = boundMs
    this.#ballot = new Ballot(boundMs, this.#ballot.state, this.#ballot.boundUntil)
  }

  /** @param masterId of the master that asks */
  answer(now: number, question: Question<KeptState>, masterId: string): Answer<KeptState> {
    const answer = this.#ballot.answer(now, question)
    if (question.type === 'beat' && answer.isYes) this.#master = { id: masterId, epoch: question.epoch }
    return answer
  }

  /** That master's process is gone, since the link to it broke: a takeover need not wait for its word to expire. */
  gone(masterId: string): void {
    if (this.#master?.id === masterId) this.#ballot.release(this.#master.epoch)
  }
}
