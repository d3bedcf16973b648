import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AdminSession } from '../admin-session.js'
import { CliError, Exit, isPassing } from '../errors.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { Progress, type ProgressState } from '../progress.js'
import { openSession } from '../session.js'
import type { Plan, Status } from '@icf/common'
import { formatBytes, formatCount, formatDuration, plural } from '../units.js'
import { runs } from './runs.js'

interface ShutdownOptions extends ConnectOptions {
  readonly dryRun?: boolean
}

const POLL_MS = 250

export function addShutdown(program: Command): void {
  const command = program
    .command('shutdown')
    .summary('empty cache servers without loss, and let them exit')
    .description(
      'Hands everything that the cache servers hold to the others, without a miss for any client, then lets them exit. ' +
        'SERVER is an id, the beginning of one, or host:port. It returns when all is handed off.',
    )
    .argument('<SERVER...>')
    .addOption(oneShotOption('--dry-run', 'only say how much would move'))
  addConnectOptions(command).action(runs(shutdown))
}

async function shutdown(servers: string[], options: ShutdownOptions): Promise<number> {
  const dryRun = options.dryRun === true
  const session = await openSession(options)
  try {
    const startedAt = performance.now()
    const { servers: ids, plan } = await session.ask((admin) => admin.shutdownCache(servers, dryRun))
    if (dryRun) {
      if (options.json) printJson({ dryRun, servers: ids, plan })
      else print(`${plural(ids.length, 'server')} would leave: ${planText(plan)}`)
      return Exit.DONE
    }
    if (!options.json) note(`${plural(ids.length, 'server')} leaving: ${planText(plan)}`)
    await untilGone(session, ids, plan, options.timeout)
    await requireReleased(session, ids)
    const seconds = (performance.now() - startedAt) / 1000
    if (options.json) printJson({ dryRun, servers: ids, plan, seconds })
    else
      print(
        `${plural(ids.length, 'server')} handed everything off and left, in ${formatDuration(seconds * 1000)}`,
      )
    return Exit.DONE
  } finally {
    session.close()
  }
}

function planText({ primaryMoves, backupMoves, entries, bytes }: Plan): string {
  const moves = `${plural(primaryMoves, 'primary', 'primaries')} and ${plural(backupMoves, 'backup')} change place`
  return `${moves}, about ${plural(entries, 'key')} with ${formatBytes(bytes)} to copy`
}

/**
 * Returns when the cluster does not know the servers any more. The servers go on leaving while no master is there, so a
 * master may be gone for a while.
 */
async function untilGone(
  session: AdminSession,
  ids: readonly string[],
  plan: Plan,
  patienceMs: number,
): Promise<void> {
  let now: Status | undefined
  let answeredAt = performance.now()
  const progress = new Progress('handing off', () => (now ? stateOf(now, ids, plan) : { text: '' }))
  try {
    for (;;) {
      try {
        now = await session.ask((admin) => admin.status())
        answeredAt = performance.now()
        if (!now.servers.some(({ id }) => ids.includes(id))) return
      } catch (error) {
        if (!isPassing(error) || performance.now() - answeredAt > patienceMs) throw error
      }
      await setTimeout(POLL_MS)
    }
  } finally {
    progress.stop()
  }
}

function stateOf({ servers, progress }: Status, ids: readonly string[], plan: Plan): ProgressState {
  const slots = servers
    .filter(({ id }) => ids.includes(id))
    .reduce((sum, { primarySlots, backupSlots }) => sum + primarySlots + backupSlots, 0)
  const total = plan.primaryMoves + plan.backupMoves
  const bytes = `, ${formatBytes(Math.max(0, plan.bytes - (progress?.bytesMoved ?? 0)))}`
  const rate = progress ? ` at ${formatBytes(progress.bytesPerSecond)}/s` : ''
  return {
    share: total === 0 ? undefined : Math.max(0, 1 - slots / total),
    text: `${formatCount(slots)} slots${plan.bytes > 0 ? bytes : ''} left${plan.bytes > 0 ? rate : ''}`,
    etaMs: progress?.etaMs ?? undefined,
  }
}

/** A server that died on its way out is gone, too, but did not hand everything off. */
async function requireReleased(session: AdminSession, ids: readonly string[]): Promise<void> {
  const entries = await session.ask((admin) => admin.events(0, false))
  const died = entries.filter(({ type, server }) => type === 'REFLESH_IP' && ids.includes(server ?? ''))
  if (died.length === 0) return
  const names = died.map(({ server, address }) => address ?? server).join(', ')
  throw new CliError(
    Exit.FAILED,
    'DIED',
    `${names} died before everything was handed off; the backups took over`,
  )
}
