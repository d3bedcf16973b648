import { setTimeout } from 'node:timers/promises'
import type { Status } from '@icf/common'
import { AdminSession } from '../admin-session.js'
import type { AdminOptions } from '../admin.js'
import { CliError, Exit, isPassing } from '../errors.js'
import { pendingOf } from '../status-text.js'
import { formatDuration } from '../units.js'

const POLL_MS = 50

/**
 * Asks until the status is as wanted. Of several masters that have just begun, or of which one has just died, none may be active for a
 * while.
 * @param seen the status, as long as it is not
 * @throws CliError TIMEOUT when it takes longer than `patienceMs`; what a master refuses otherwise
 */
export async function untilStatus(
  options: AdminOptions,
  patienceMs: number,
  isWanted: (status: Status) => boolean,
  seen: (status: Status) => void,
): Promise<Status> {
  const deadline = performance.now() + patienceMs
  const session = new AdminSession(options)
  try {
    for (;;) {
      const answer = await ask(session)
      const isStatus = !(answer instanceof Error)
      if (isStatus && isWanted(answer)) return answer
      if (isStatus) seen(answer)
      if (performance.now() > deadline)
        throw tooLate(patienceMs, isStatus ? pendingOf(answer) : answer.message)
      await setTimeout(POLL_MS)
    }
  } finally {
    session.close()
  }
}

/** @returns why there is no answer yet */
async function ask(session: AdminSession): Promise<Status | Error> {
  try {
    return await session.ask((admin) => admin.status())
  } catch (error) {
    if (isPassing(error)) return error
    throw error
  }
}

function tooLate(patienceMs: number, why: string): CliError {
  const message = `the cluster did not settle within ${formatDuration(patienceMs)}: ${why}`
  return new CliError(Exit.FAILED, 'TIMEOUT', message)
}
