import type { Electorate, Question, Stamp } from '@icf/common'

/** What masters agree about: each version of it names who has a say in the next one. */
export type Agreed = Stamp & Electorate

/** To be sent to a voter that is connected. */
export interface Ask<State> {
  readonly type: 'ask'
  readonly voter: string
  readonly question: Question<State>
}
