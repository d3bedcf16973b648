import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AdminClient } from '../admin.js'
import { CliError, Exit } from '../errors.js'
import type { LogEntry } from '../event-text.js'
import { addConnectOptions, option, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { Progress, type ProgressState } from '../progress.js'
import { withAdmin } from '../session.js'
import type { Plan, ServerStatus } from '../status.js'
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
    .addOption(option('--dry-run', 'only say how much would move'))
  addConnectOptions(command).action(runs(shutdown))
}

async function shutdown(servers: string[], options: ShutdownOptions): Promise<number> {
  return withAdmin(options, async (admin) => {
    const startedAt = performance.now()
    const before = (await admin.events(0, false)) as LogEntry[]
    const { servers: ids, plan } = await admin.shutdownCache(servers, options.dryRun === true)
    if (options.dryRun) {
      if (options.json) printJson({ dryRun: true, servers: ids, plan })
      else print(`${plural(ids.length, 'server')} would leave: ${planText(plan)}`)
      return Exit.DONE
    }
    if (!options.json) note(`${plural(ids.length, 'server')} leaving: ${planText(plan)}`)
    await untilGone(admin, ids, plan)
    await requireReleased(admin, ids, before.at(-1)?.n ?? 0)
    const seconds = (performance.now() - startedAt) / 1000
    if (options.json) printJson({ dryRun: false, servers: ids, plan, seconds })
    else
      print(
        `${plural(ids.length, 'server')} handed off everything and left, in ${formatDuration(seconds * 1000)}`,
      )
    return Exit.DONE
  })
}

export function planText({ primaryMoves, backupMoves, entries, bytes }: Plan): string {
  return `${plural(primaryMoves, 'primary', 'primaries')} and ${plural(backupMoves, 'backup')} move, ${plural(entries, 'key')}, ${formatBytes(bytes)}`
}

/** Returns when the cluster does not know the servers any more. */
async function untilGone(admin: AdminClient, ids: readonly string[], plan: Plan): Promise<void> {
  let left: readonly ServerStatus[] = []
  let pending = plan
  const progress = new Progress('handing off', () => remainingText(left, pending, plan))
  try {
    for (;;) {
      left = (await admin.status()).servers.filter(({ id }) => ids.includes(id))
      if (left.length === 0) return
      pending = await admin.plan()
      await setTimeout(POLL_MS)
    }
  } finally {
    progress.stop()
  }
}

function remainingText(left: readonly ServerStatus[], pending: Plan, plan: Plan): ProgressState {
  const slots = left.reduce((sum, { primarySlots, backupSlots }) => sum + primarySlots + backupSlots, 0)
  const total = plan.primaryMoves + plan.backupMoves
  const share = total === 0 ? undefined : Math.max(0, 1 - slots / total)
  return { share, text: `${formatCount(slots)} slots, ${formatBytes(pending.bytes)} left` }
}

/** A server that died on its way out is gone, too, but handed nothing off. */
async function requireReleased(admin: AdminClient, ids: readonly string[], since: number): Promise<void> {
  const entries = (await admin.events(since, false)) as LogEntry[]
  const died = entries.filter(
    ({ type, server }) => type === 'REFLESH_IP' && server !== undefined && ids.includes(server),
  )
  if (died.length === 0) return
  const names = died.map(({ server, address }) => address ?? server).join(', ')
  throw new CliError(
    Exit.FAILED,
    'DIED',
    `${names} died before everything was handed off; the backups took over`,
  )
}
