import type { Answer, BeatQuestion, LastQuestion, Question, Stamp, VoteQuestion } from '../ballot.js'
import type { Council, Electorate } from '../electorate.js'
import { limits } from '../limits.js'
import { count, malformed } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** Terms are numbered by the time of day, in seconds, or by the one before: so there are always more to come. */
const MAX_EPOCH = 2 ** 48

/** What a voter keeps for masters: it needs not understand it. */
export interface KeptState extends Stamp, Electorate {
  /** The state of the master, as it is in its file. */
  readonly body: Uint8Array
}

/** To a voter: the answer is VOTED. */
export function questionMessage(question: Question<KeptState>): Message {
  const { number, epoch } = question
  if (question.type === 'beat')
    return [MessageType.SPARE_MASTER, number, epoch, question.state ? stateFields(question.state) : null]
  if (question.type === 'last') return [MessageType.SPARE_MASTER, number, epoch, null, true]
  const { isTrial, has, ended = null } = question
  return [MessageType.VOTE, number, epoch, isTrial, has ? [has.epoch, has.version] : null, ended]
}

/** Whether a message is one for `readQuestion`. */
export function isQuestion([type]: Message): boolean {
  return type === MessageType.SPARE_MASTER || type === MessageType.VOTE
}

/** @throws IcfError PROTOCOL, as all of these */
export function readQuestion(message: Message): Question<KeptState> {
  return message[0] === MessageType.VOTE ? readVote(message) : readBeat(message)
}

export function answerMessage({ number, isYes, epoch, newer }: Answer<KeptState>): Message {
  return [MessageType.VOTED, number, isYes, epoch, newer ? stateFields(newer) : null]
}

export function readAnswer([, number, isYes, epoch, newer]: Message): Answer<KeptState> {
  return {
    number: count(number, 'number of VOTED'),
    isYes: flag(isYes, 'answer of VOTED'),
    epoch: count(epoch, 'epoch of VOTED', MAX_EPOCH),
    newer: newer === null ? undefined : readState(newer),
  }
}

/** Masters of earlier releases say nothing of terms that ended. */
function readVote([, number, epoch, isTrial, has, ended = null]: Message): VoteQuestion {
  return {
    type: 'vote',
    number: count(number, 'number of VOTE'),
    epoch: count(epoch, 'epoch of VOTE', MAX_EPOCH),
    isTrial: flag(isTrial, 'trial of VOTE'),
    has: has === null ? undefined : readStamp(has, 'stamp of VOTE'),
    ended: ended === null ? undefined : count(ended, 'ended term of VOTE', MAX_EPOCH),
  }
}

/** To a master of an earlier release the last one is a beat as any other: it stands when that binds it no more. */
function readBeat([, number, epoch, state, isLast]: Message): BeatQuestion<KeptState> | LastQuestion {
  const term = {
    number: count(number, 'number of SPARE_MASTER'),
    epoch: count(epoch, 'epoch of SPARE_MASTER', MAX_EPOCH),
  }
  if (isLast === true) return { type: 'last', ...term }
  return { type: 'beat', ...term, state: state === null ? undefined : readState(state) }
}

function stateFields({ epoch, version, voters, masters, former, body }: KeptState): readonly unknown[] {
  return [epoch, version, voters, masters, former ? [former.voters, former.masters] : null, body]
}

function readState(value: unknown): KeptState {
  if (!Array.isArray(value)) throw malformed('state of a master', 'an array', value)
  const [epoch, version, voters, masters, former, body] = value as unknown[]
  if (!(body instanceof Uint8Array)) throw malformed('body of a state of a master', 'bytes', body)
  const stamp = readStamp([epoch, version], 'stamp of a state of a master')
  if (former !== null && !Array.isArray(former))
    throw malformed('former council of a state of a master', 'an array of two', former)
  return {
    ...stamp,
    ...readCouncil(voters, masters),
    former: former === null ? undefined : readCouncil(...(former as [unknown, unknown])),
    // It outlives the frame that it came in.
    body: new Uint8Array(body),
  }
}

function readCouncil(voters: unknown, masters: unknown): Council {
  const council = { voters: readIds(voters, 'voters'), masters: readIds(masters, 'masters') }
  if (council.masters.length === 0 || !council.masters.every((id) => council.voters.includes(id)))
    throw malformed('masters of a state of a master', 'one or more of its voters', masters)
  return council
}

function readIds(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.length > limits.maxVoters || !value.every(isId))
    throw malformed(`${what} of a state of a master`, `an array of up to ${limits.maxVoters} ids`, value)
  return value
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= limits.maxNameLength
}

function readStamp(value: unknown, what: string): Stamp {
  if (!Array.isArray(value)) throw malformed(what, 'an array of two', value)
  const [epoch, version] = value as unknown[]
  return { epoch: count(epoch, what, MAX_EPOCH), version: count(version, what) }
}

function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw malformed(what, 'true or false', value)
  return value
}
