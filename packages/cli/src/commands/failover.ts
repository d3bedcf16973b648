import { setTimeout } from 'node:timers/promises'
import type { AdminResult } from '@icf/common'
import type { Command } from 'commander'
import { CliError, Exit, isPassing } from '../errors.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { openSession, withAdmin } from '../session.js'
import { formatDuration } from '../units.js'
import { runs } from './runs.js'

interface FailoverOptions extends ConnectOptions {
  readonly to?: string
}

const POLL_MS = 20

export function addFailover(program: Command): void {
  const command = program
    .command('failover')
    .summary('make a standby the active master')
    .description(
      'The active master hands over to a standby, without a gap that a client could notice: before its machine is serviced, ' +
        'say. It returns once the standby is active. Where that can not be done, it says so within 4 s, and the active master goes on.',
    )
    .addOption(
      oneShotOption(
        '--to <master>',
        'the standby: id, beginning of an id, or host:port (default: one that can)',
      ),
    )
  addConnectOptions(command).action(runs(failover))
}

async function failover(options: FailoverOptions): Promise<number> {
  const startedAt = performance.now()
  const { epoch, master } = await withAdmin(options, (admin) => admin.failover(options.to ?? null))
  const taken = await untilInEffect(options, epoch, master)
  const ms = performance.now() - startedAt
  if (options.json) printJson({ epoch: taken, master, seconds: ms / 1000 })
  else
    print(
      `master ${master.host}:${master.port} (${master.id.slice(0, 8)}) is active, after ${formatDuration(ms)}`,
    )
  return Exit.DONE
}

/** @returns the epoch of the next term, once its first version is in effect */
async function untilInEffect(
  options: ConnectOptions,
  ended: number,
  { host, port }: AdminResult<'FAILOVER'>['master'],
): Promise<number> {
  const { formatAddress } = await import('@icf/common/node')
  const masters = `${formatAddress({ host, port })},${options.masters}`
  const session = await openSession({ ...options, masters })
  const deadline = performance.now() + options.timeout
  let last: unknown
  try {
    while (performance.now() < deadline) {
      try {
        const { epoch } = await session.ask((admin) => admin.status())
        if (epoch > ended) return epoch
      } catch (error) {
        if (!isPassing(error)) throw error
        last = error
      }
      await setTimeout(POLL_MS)
    }
  } finally {
    session.close()
  }
  const text = `master ${host}:${port} is active, but nothing has taken effect within ${formatDuration(options.timeout)}`
  throw new CliError(Exit.FAILED, 'TIMEOUT', text, { cause: last })
}
