import { readFileSync } from 'node:fs'
import { Command } from 'commander'
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

type Add = (program: Command) => void

/** Every command, in the groups of the help. Most processes run one of them, and load no other. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, () => Promise<Add>>>>> = {
  'Run a cluster:': {
    up: async () => (await import('./commands/up.js')).addUp,
    master: async () => (await import('./commands/master.js')).addMaster,
    cache: async () => (await import('./commands/cache.js')).addCache,
  },
  'Keys:': {
    get: async () => (await import('./commands/get.js')).addGet,
    set: async () => (await import('./commands/set.js')).addSet,
    del: async () => (await import('./commands/del.js')).addDel,
    ttl: async () => (await import('./commands/ttl.js')).addTtl,
    where: async () => (await import('./commands/where.js')).addWhere,
  },
  'Folders:': {
    load: async () => (await import('./commands/load.js')).addLoad,
    verify: async () => (await import('./commands/verify.js')).addVerify,
  },
  'Operate a cluster:': {
    status: async () => (await import('./commands/status.js')).addStatus,
    ring: async () => (await import('./commands/ring.js')).addRing,
    events: async () => (await import('./commands/events.js')).addEvents,
    shutdown: async () => (await import('./commands/shutdown.js')).addShutdown,
    forget: async () => (await import('./commands/forget.js')).addForget,
    failover: async () => (await import('./commands/failover.js')).addFailover,
    audit: async () => (await import('./commands/audit.js')).addAudit,
  },
}

const VERSION: readonly string[] = ['-V', '--version']

export function isCommand(name: string | undefined): boolean {
  return Object.values(GROUPS).some((commands) => Object.keys(commands).includes(name ?? ''))
}

/**
 * The command line; parsing it runs a command.
 * @param only the one command that it has, or none of this name; without it, all of them
 */
export async function makeProgram(only?: string): Promise<Command> {
  const program = new Command('icf')
    .description(
      'icf: a distributed in-memory cache. An acknowledged write survives the death of any one machine.',
    )
    .usage('COMMAND [options]')
    .version(readVersion(), VERSION.join(', '), 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    // What is wrong is thrown as well, and said once, by main.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', AFTER_HELP)
  for (const [heading, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(heading)
    const wanted = Object.keys(commands).filter((name) => only === undefined || name === only)
    for (const add of await Promise.all(wanted.map((name) => commands[name]!()))) add(program)
  }
  program.commandsGroup('Help:')
  program.helpCommand('help [command]', 'print help for a command')
  program.hook('preSubcommand', (_, subcommand) => normalizeEnvironment(subcommand))
  return program
}

/** Runs what the command line says. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const [first = ''] = args
  // What begins with the version ends with it: no command is needed.
  const program = await makeProgram(isCommand(first) || VERSION.includes(first) ? first : undefined)
  await program.parseAsync(withoutHelpForNothing(args), { from: 'user' })
}

/** Help for a command that there is not would be the help for all of them, as if nothing was wrong. */
function withoutHelpForNothing(args: readonly string[]): readonly string[] {
  const asked = (args[0] === 'help' ? args[1] : args[0]) ?? 'help'
  return asked === 'help' || isCommand(asked) || asked.startsWith('-') ? args : [asked]
}

function readVersion(): string {
  const path = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
