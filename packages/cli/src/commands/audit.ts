import { setTimeout } from 'node:timers/promises'
import type { AuditStatus } from '@icf/common'
import type { Command } from 'commander'
import type { AdminSession } from '../admin-session.js'
import { CliError, Exit, isPassing } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { Progress } from '../progress.js'
import { openSession } from '../session.js'
import { formatCount, formatDuration, plural } from '../units.js'
import { runs } from './runs.js'

const POLL_MS = 100

export function addAudit(program: Command): void {
  const command = program
    .command('audit')
    .summary('compare every slot with its backup, and mend what differs')
    .description(
      'Every primary compares its keys with those of the backup, by checksum, while writes go on. What differs is sent anew, ' +
        'and its hash is in the log of the cache server. Without this, the active master does it on a schedule: icf master --audit. ' +
        'It returns when all is done; an audit that runs already is waited for.',
    )
  addConnectOptions(command).action(runs(audit))
}

async function audit(options: ConnectOptions): Promise<number> {
  const session = await openSession(options)
  try {
    const done = await untilDone(session, options.timeout)
    const { slots, compared, missing, extra, different, unmended } = done
    const found = missing + extra + different
    if (options.json) printJson(done)
    else {
      print(`${plural(compared, 'slot')} compared in ${formatDuration(done.ms)}: ${foundText(done)}`)
      if (found > 0) print(`${formatCount(found - unmended)} of ${plural(found, 'key')} mended`)
    }
    if (compared < slots)
      throw new CliError(
        Exit.FAILED,
        'INCOMPLETE',
        `${plural(slots - compared, 'slot')} could not be compared: they have no backup now, or kept moving, or a server is of an earlier release`,
      )
    if (unmended > 0)
      throw new CliError(
        Exit.FAILED,
        'INCOMPLETE',
        `${plural(unmended, 'key')} differed again after they were sent anew`,
      )
    return Exit.DONE
  } finally {
    session.close()
  }
}

function foundText({ missing, extra, different }: AuditStatus): string {
  if (missing + extra + different === 0) return 'nothing differs'
  return `${plural(missing, 'key')} missing on a backup, ${formatCount(extra)} extra, ${formatCount(different)} different`
}

/** When another master becomes active meanwhile, it begins anew there. The master may be gone for as long as `patienceMs`. */
async function untilDone(session: AdminSession, patienceMs: number): Promise<AuditStatus> {
  let now: AuditStatus | undefined
  let answeredAt = performance.now()
  const progress = new Progress('comparing', () => ({
    share: now && now.compared / now.slots,
    text: now ? `${formatCount(now.compared)} slots` : '',
  }))
  try {
    for (;;) {
      try {
        const before = now
        const next = await session.ask((admin) => admin.audit(before === undefined))
        answeredAt = performance.now()
        now = next && (!before || next.epoch === before.epoch) ? next : undefined
        if (now && !now.running) return now
      } catch (error) {
        if (!isPassing(error) || performance.now() - answeredAt > patienceMs) throw error
      }
      await setTimeout(POLL_MS)
    }
  } finally {
    progress.stop()
  }
}
