import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AdminClient } from '../admin.js'
import { CliError, describeError, Exit } from '../errors.js'
import { addConnectOptions, option, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { Progress } from '../progress.js'
import { withAdmin } from '../session.js'
import { runs } from './runs.js'
import { pendingOf, statusLines } from '../status-text.js'
import type { Status } from '../status.js'
import { styleFor } from '../style.js'
import { formatDuration } from '../units.js'

interface StatusOptions extends ConnectOptions {
  readonly wait?: boolean
}

const POLL_MS = 100
const WAIT_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 5000

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('show the masters, the cache servers and what they hold')
    .description(
      'Shows the masters, the cache servers and what they hold. With --wait it returns once all is settled: every slot ' +
        'served, every backup complete, no move pending; exit code 3 when that takes longer than --timeout (then 30s).',
    )
    .addOption(option('--wait', 'wait until all is settled'))
  addConnectOptions(command).action(runs(status))
}

async function status(options: StatusOptions, command: Command): Promise<number> {
  const isGiven = command.getOptionValueSource('timeout') !== 'default'
  const timeout = options.wait && !isGiven ? WAIT_TIMEOUT_MS : options.timeout
  const now = options.wait
    ? await waitUntilSettled({ ...options, timeout })
    : await withAdmin(options, (admin) => admin.status())
  if (options.json) printJson(now)
  else print(...statusLines(now, styleFor(process.stdout)))
  if (!options.wait || now.settled) return Exit.DONE
  throw new CliError(
    Exit.FAILED,
    'TIMEOUT',
    `not settled within ${formatDuration(timeout)}: ${pendingOf(now)}`,
  )
}

/** The first settled status, or the last one before the time is over. */
async function waitUntilSettled(options: ConnectOptions): Promise<Status> {
  const deadline = performance.now() + options.timeout
  let last: Status | undefined
  let problem: Error | undefined
  const progress = new Progress('settling', () => ({
    text: last ? pendingOf(last) : 'looking for the master',
  }))
  const remaining = (): number => deadline - performance.now()
  try {
    while (remaining() > 0) {
      const timeout = Math.max(1, Math.ceil(Math.min(REQUEST_TIMEOUT_MS, remaining())))
      const poll = (admin: AdminClient): Promise<void> =>
        untilSettled(admin, remaining, (status) => {
          last = status
          problem = undefined
        })
      try {
        await withAdmin({ ...options, timeout }, poll)
      } catch (error) {
        if (!(error instanceof Error) || !isPassing(error)) throw error
        problem = error
      }
      if (last?.settled && problem === undefined) return last
      await setTimeout(Math.min(POLL_MS, Math.max(0, remaining())))
    }
  } finally {
    progress.stop()
  }
  if (last && problem === undefined) return last
  throw problem ?? new CliError(Exit.FAILED, 'TIMEOUT', 'the time is over before a master was asked')
}

async function untilSettled(
  admin: AdminClient,
  remainingMs: () => number,
  seen: (status: Status) => void,
): Promise<void> {
  for (;;) {
    const status = await admin.status()
    seen(status)
    if (status.settled || remainingMs() <= POLL_MS) return
    await setTimeout(POLL_MS)
  }
}

/** A master that is starting, or changing, may answer the next time. */
function isPassing(error: unknown): boolean {
  return ['UNREACHABLE', 'TIMEOUT', 'CLOSED', 'BUSY', 'WRONG_ROLE'].includes(describeError(error).code)
}
