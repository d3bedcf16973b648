import type { Logger } from 'pino'
import { Exit } from '../errors.js'
import { endingText } from '../members/ending-text.js'
import type { Ending, Member } from '../members/member.js'
import { Restarts } from '../members/restarts.js'

/** Cache servers that are started, kept running and ended together. */
export class ProcessRow {
  readonly #restarts = new Restarts()
  readonly #ended: Promise<number>
  #end!: (exitCode: number) => void
  #isStopping = false
  #exitCode: number = Exit.DONE

  constructor(
    private readonly members: readonly Member[],
    private readonly logger: Logger,
  ) {
    this.#ended = new Promise((resolve) => (this.#end = resolve))
    for (const member of members) member.on('ended', (ending) => this.#memberEnded(member, ending))
  }

  /**
   * Resolves when all have ended and none is to be started again: with 2 when one was told what is wrong with the command
   * line, which would be so the next time, too; else with the worst of the exit codes after `handOver`.
   */
  async run(): Promise<number> {
    for (const member of this.members) member.start()
    return this.#ended
  }

  /** Has all of them hand everything over and end, at the same time. */
  handOver(): void {
    this.#isStopping = true
    this.#restarts.stop()
    for (const member of this.members) member.letGo()
    this.#endWithLast()
  }

  killAll(): void {
    for (const member of this.members) member.kill()
  }

  #memberEnded(member: Member, ending: Ending): void {
    this.#judge(member, ending)
    this.#endWithLast()
  }

  #judge(member: Member, ending: Ending): void {
    const text = endingText(member, ending)
    const code = ending.code ?? Exit.FAILED
    if (code === Exit.DONE) this.logger.info(text)
    else if (this.#isStopping) {
      this.logger.error(text)
      if (this.#exitCode !== Exit.USAGE) this.#exitCode = Math.max(this.#exitCode, code)
    } else if (code === Exit.USAGE) {
      this.logger.error(`${text}; so it would be the next time: all others end, too`)
      this.#exitCode = Exit.USAGE
      this.handOver()
    } else {
      this.logger.error(`${text}; starting it again`)
      this.#restarts.add(member, ending)
    }
  }

  #endWithLast(): void {
    const isEmpty = this.#restarts.isEmpty && this.members.every(({ pid }) => pid === undefined)
    if (isEmpty) this.#end(this.#exitCode)
  }
}
