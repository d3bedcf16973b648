import { readAnswer, readQuestion, type Message, type Stamp } from '@icf/common'
import type { Names } from './names.js'

/** Of VOTE and SPARE_MASTER. */
export function questionWords(message: Message, names: Names): string {
  const question = readQuestion(message)
  const epoch = names.epoch(question.epoch)
  if (question.type === 'last') return `${epoch} is over`
  if (question.type === 'beat')
    return `${epoch}${question.state ? `, keep ${stateWords(question.state, names)}` : ''}`
  const { isTrial, has, ended } = question
  const what = isTrial ? `would you vote for me in ${epoch}?` : `vote for me in ${epoch}`
  const over = ended === undefined ? '' : `; ${names.epoch(ended)} is over`
  return `${what}; I have ${has ? stateWords(has, names) : 'nothing'}${over}`
}

/** Of VOTED. */
export function answerWords(message: Message, names: Names): string {
  const { isYes, epoch, newer } = readAnswer(message)
  const state = newer ? `; I have ${stateWords(newer, names)}` : ''
  return `${isYes ? 'yes' : 'no'}; newest term ${names.epoch(epoch)}${state}`
}

/** States have a count of their own: each change of the topology, or of who votes, is another one. */
function stateWords({ epoch, version }: Stamp, names: Names): string {
  return `state ${version} of ${names.epoch(epoch)}`
}
