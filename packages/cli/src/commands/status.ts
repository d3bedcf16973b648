import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import { CliError, Exit, isPassing } from '../errors.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { Progress } from '../progress.js'
import { openSession, withAdmin } from '../session.js'
import { runs } from './runs.js'
import type { Status } from '@icf/common'
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
    .addOption(oneShotOption('--wait', 'wait until all is settled'))
  addConnectOptions(command).action(runs(status))
}

async function status(options: StatusOptions, command: Command): Promise<number> {
  const isGiven = command.getOptionValueSource('timeout') !== 'default'
  const timeout = options.wait && !isGiven ? WAIT_TIMEOUT_MS : options.timeout
  const { pendingOf, statusLines } = await import('../status-text.js')
  const now = options.wait
    ? await waitUntilSettled({ ...options, timeout }, pendingOf)
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
async function waitUntilSettled(
  options: ConnectOptions,
  describe: (status: Status) => string,
): Promise<Status> {
  const deadline = performance.now() + options.timeout
  const remainingMs = (): number => Math.ceil(deadline - performance.now())
  let last: Status | Error = new CliError(
    Exit.FAILED,
    'TIMEOUT',
    'the time is over before a master was asked',
  )
  const progress = new Progress('settling', () => ({
    text: last instanceof Error ? 'looking for the master' : describe(last),
  }))
  const session = await openSession(options)
  try {
    while (remainingMs() > 0) {
      try {
        last = await session.ask((admin) => admin.status(), Math.min(REQUEST_TIMEOUT_MS, remainingMs()))
      } catch (error) {
        if (!isPassing(error)) throw error
        last = error
      }
      if (!(last instanceof Error) && last.settled) return last
      await setTimeout(Math.min(POLL_MS, Math.max(0, remainingMs())))
    }
  } finally {
    progress.stop()
    session.close()
  }
  if (last instanceof Error) throw last
  return last
}
