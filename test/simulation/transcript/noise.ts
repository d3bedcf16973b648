import { isQuestion, MessageType, readAnswer, readQuestion, readUnreachable, type Message } from '@icf/common'

/**
 * Says of which messages a reader is spared, since they only say that all is as it was, or should be: WELCOME; KEEP_ALIVE,
 * both ways; SPARE_MASTER without a state, and a yes to it; a VOTE that only asks what the answer would be, and that answer;
 * UNREACHABLE of nobody.
 */
export class Noise {
  /** Questions of masters, whether their yes, and their no, is to be told. By the master and their number. */
  readonly #questions = new Map<string, { readonly yes: boolean; readonly no: boolean }>()

  isNoise(from: string, to: string, message: Message): boolean {
    if (message[0] === MessageType.WELCOME || message[0] === MessageType.KEEP_ALIVE) return true
    if (message[0] === MessageType.UNREACHABLE) return readUnreachable(message).length === 0
    if (isQuestion(message)) return this.#isNoisyQuestion(from, message)
    if (message[0] !== MessageType.VOTED) return false
    const { number, isYes } = readAnswer(message)
    const told = this.#questions.get(`${to} ${number}`)
    return told?.[isYes ? 'yes' : 'no'] === false
  }

  #isNoisyQuestion(from: string, message: Message): boolean {
    const question = readQuestion(message)
    const isTrial = question.type === 'vote' && question.isTrial
    const isBare = question.type === 'beat' && !question.state
    this.#questions.set(`${from} ${question.number}`, { yes: !isTrial && !isBare, no: !isTrial })
    return isTrial || isBare
  }
}
