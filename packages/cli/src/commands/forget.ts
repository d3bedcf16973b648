import type { Command } from 'commander'
import { Exit, usageError } from '../errors.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { openSession, withAdmin } from '../session.js'
import { formatCount, plural } from '../units.js'
import { runs } from './runs.js'

interface ForgetOptions extends ConnectOptions {
  readonly master?: string
  readonly dryRun?: boolean
}

const LOST = 'no other server has them: what was stored in them is lost'

export function addForget(program: Command): void {
  const command = program
    .command('forget')
    .summary('give up silent cache servers, with what only they have, or a master that is gone')
    .description(
      'A cache server that falls silent keeps the slots of which it has the only copy: nobody serves them until it is back. ' +
        'When it will never be, this gives them up, and they begin empty: what was stored in them is lost. SERVER is an id, ' +
        'the beginning of one, or host:port. A server that is not silent is refused: shut it down instead. With --master, a ' +
        'master whose machine or disk is lost for good has no vote any more.',
    )
    .argument('[SERVER...]')
    .addOption(oneShotOption('--master <master>', 'a master instead: id, beginning of an id, or host:port'))
    .addOption(oneShotOption('--dry-run', 'only say how much would be lost'))
  addConnectOptions(command).action(runs(forget))
}

async function forget(servers: string[], options: ForgetOptions): Promise<number> {
  const { master, dryRun = false } = options
  if (master !== undefined) return forgetMaster(master, servers, options)
  if (servers.length === 0)
    throw usageError('name the cache servers to forget: icf forget 10.0.0.3:7100; or a master, with --master')
  const session = await openSession(options)
  try {
    const { servers: ids, slots } = await session.ask((admin) => admin.forget(servers, true))
    if (!options.json && slots > 0) note(`the last copies of ${plural(slots, 'slot')}: ${LOST}`)
    if (!dryRun) await session.ask((admin) => admin.forget(ids, false))
    if (options.json) printJson({ dryRun, servers: ids, slots })
    else if (dryRun) print(`${plural(ids.length, 'server')} would be forgotten`)
    else print(`${plural(ids.length, 'server')} forgotten, ${formatCount(slots)} slots lost`)
    return Exit.DONE
  } finally {
    session.close()
  }
}

async function forgetMaster(
  selector: string,
  servers: readonly string[],
  options: ForgetOptions,
): Promise<number> {
  if (servers.length > 0) throw usageError('name either cache servers or, with --master, one master')
  if (options.dryRun) throw usageError('--dry-run is for cache servers: with a master no data is lost')
  const master = await withAdmin(options, (admin) => admin.forgetMaster(selector))
  if (options.json) printJson({ master })
  else print(`master ${master.host}:${master.port} (${master.id.slice(0, 8)}) has no vote any more`)
  return Exit.DONE
}
