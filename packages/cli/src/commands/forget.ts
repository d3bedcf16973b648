import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { openSession } from '../session.js'
import { formatCount, plural } from '../units.js'
import { runs } from './runs.js'

interface ForgetOptions extends ConnectOptions {
  readonly dryRun?: boolean
}

const LOST = 'no other server has them: what was stored in them is lost'

export function addForget(program: Command): void {
  const command = program
    .command('forget')
    .summary('give up silent cache servers, with what only they have')
    .description(
      'A cache server that falls silent keeps the slots of which it has the only copy: nobody serves them until it is back. ' +
        'When it will never be, this gives them up, and they begin empty: what was stored in them is lost. SERVER is an id, ' +
        'the beginning of one, or host:port. A server that is not silent is refused: shut it down instead.',
    )
    .argument('<SERVER...>')
    .addOption(oneShotOption('--dry-run', 'only say how much would be lost'))
  addConnectOptions(command).action(runs(forget))
}

async function forget(servers: string[], options: ForgetOptions): Promise<number> {
  const dryRun = options.dryRun === true
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
