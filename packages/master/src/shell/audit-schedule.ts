import { IcfError } from '@icf/common'
import { createTask, validateDetailed, type ScheduledTask } from 'node-cron'

const MINUTE_MS = 60_000

/** Occasions that are longer ago are not made up for, in ms: each minute in between takes some 15 µs to look at. */
const LOOK_BACK_MS = 12 * 60 * MINUTE_MS

/** Minutes of the day at which audits are due, in the time zone of this process. */
export class AuditSchedule {
  readonly #pattern: ScheduledTask

  /**
   * @param expression five fields of cron: minute, hour, day of the month, month, day of the week
   * @throws IcfError INVALID_ARGUMENT
   */
  constructor(expression: string) {
    const { valid, errors } = validateDetailed(expression)
    const reason = errors.map(({ message }) => message).join('; ')
    if (!valid) throw wrong(expression, reason)
    if (expression.trim().split(/\s+/).length !== 5)
      throw wrong(expression, 'it must have five fields, without seconds')
    // It is never started: node-cron only says what the expression matches.
    this.#pattern = createTask(expression, () => undefined)
  }

  /** Whether an audit was due after `from`, and up to `to`: times of day, in ms. */
  isDue(from: number, to: number): boolean {
    const first = Math.floor(Math.max(from, to - LOOK_BACK_MS) / MINUTE_MS) + 1
    for (let minute = Math.floor(to / MINUTE_MS); minute >= first; minute--)
      if (this.#pattern.match(new Date(minute * MINUTE_MS))) return true
    return false
  }
}

function wrong(expression: string, reason: string): IcfError {
  return new IcfError(
    'INVALID_ARGUMENT',
    `"${expression}" is no schedule for audits: ${reason}. Write a cron expression like "0 3 * * *" (each night at three), or off`,
  )
}
