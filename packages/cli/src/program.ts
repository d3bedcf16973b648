import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAudit } from './commands/audit.js'
import { addCache } from './commands/cache.js'
import { addDel } from './commands/del.js'
import { addEvents } from './commands/events.js'
import { addFailover } from './commands/failover.js'
import { addForget } from './commands/forget.js'
import { addGet } from './commands/get.js'
import { addLoad } from './commands/load.js'
import { addMaster } from './commands/master.js'
import { addRing } from './commands/ring.js'
import { addSet } from './commands/set.js'
import { addShutdown } from './commands/shutdown.js'
import { addStatus } from './commands/status.js'
import { addTtl } from './commands/ttl.js'
import { addUp } from './commands/up.js'
import { addVerify } from './commands/verify.js'
import { addWhere } from './commands/where.js'
import { normalizeEnvironment } from './options.js'

const AFTER_HELP = `
Start here:
  icf up                            a cluster of three cache servers on this machine; in another terminal:
  icf status                        who is there, and what they hold
  icf set greeting hello            store a value …
  icf get greeting                  … and read it
  icf load DIR                      store every file of a folder
  icf verify DIR                    compare every byte of it, for example after a kill -9

A cluster on several machines:
  icf master --host 10.0.0.1 --data-dir /var/lib/icf
  icf cache --host 10.0.0.2 --masters 10.0.0.1:7000 --max-memory 4gb
  icf status --masters 10.0.0.1:7000 --wait
  icf shutdown 10.0.0.2:7100        empty a cache server without a miss, then it exits
  icf forget 10.0.0.3:7100          give up one that is silent and will not come back
  icf failover                      make a standby the active master, where there is one
  icf audit                         compare every slot with its backup, and mend what differs

Options come after the command; "icf COMMAND --help" lists them, and says which can also be given in the environment:
  ICF_MASTERS=10.0.0.1:7000 ICF_JSON=true icf status

Exit codes:
  0  done
  1  the answer is no: a missing key, a file that differs
  2  wrong usage
  3  could not reach or do it`

/** The command line with every command; parsing it runs one. */
export function makeProgram(): Command {
  const program = new Command('icf')
    .description(
      'icf: a distributed in-memory cache. An acknowledged write survives the death of any one machine.',
    )
    .usage('COMMAND [options]')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    // What is wrong is thrown as well, and said once, by main.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', AFTER_HELP)
  program.commandsGroup('Run a cluster:')
  for (const add of [addUp, addMaster, addCache]) add(program)
  program.commandsGroup('Keys:')
  for (const add of [addGet, addSet, addDel, addTtl, addWhere]) add(program)
  program.commandsGroup('Folders:')
  for (const add of [addLoad, addVerify]) add(program)
  program.commandsGroup('Operate a cluster:')
  for (const add of [addStatus, addRing, addEvents, addShutdown, addForget, addFailover, addAudit])
    add(program)
  program.commandsGroup('Help:')
  program.helpCommand('help [command]', 'print help for a command')
  program.hook('preSubcommand', (_, subcommand) => normalizeEnvironment(subcommand))
  return program
}

/** Runs what the command line says. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = makeProgram()
  await program.parseAsync(withoutHelpForNothing(program, args), { from: 'user' })
}

/** Help for a command that there is not would be the help for all of them, as if nothing was wrong. */
function withoutHelpForNothing({ commands }: Command, args: readonly string[]): readonly string[] {
  const asked = args[0] === 'help' ? args[1] : args[0]
  const isCommand = [...commands.map((command) => command.name()), 'help'].includes(asked ?? 'help')
  return isCommand || asked!.startsWith('-') ? args : [asked!]
}

function readVersion(): string {
  const path = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
