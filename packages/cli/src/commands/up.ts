import { Option, type Command } from 'commander'
import { hostOption, integer, jsonOption, option, optionalPort } from '../options.js'
import { addPassedOnOptions, passedOnArgs, passedOnMemory } from '../up/passed-on.js'
import { MAX_BASE_PORT, MAX_SERVERS } from '../up/port-plan.js'
import { runs } from './runs.js'

export interface UpOptions {
  readonly servers: number
  readonly masters: number
  readonly basePort: number
  readonly dir: string
  readonly host: string
  readonly cluster: string
  readonly httpPort?: number
  readonly respPort?: number
  readonly dataDir?: string
  readonly coordination: string
  readonly zone?: string
  readonly weight?: string
  readonly restart?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
  readonly port?: string
  readonly peers?: string
  readonly processes?: string
}

/** Options of `icf master` and `icf cache` that no local cluster can take. */
const REFUSED = ['--port <port>', '--peers <addresses>', '--processes <count>']

export function addUp(program: Command): void {
  const command = program
    .command('up')
    .summary('run a cluster on this machine, until Ctrl-C')
    .description(
      'Runs a cluster on this machine in the foreground, every master and cache server a process of its own, to try things ' +
        'out: kill a process and look what happens. One master is active, the others stand by. Ctrl-C ends it all, and its data. It uses ports from --base-port: masters from ' +
        'base, their HTTP from base+80, cache servers from base+100, their Redis protocol from base+130. DIR/cluster.json ' +
        'names the processes that are alive, DIR/logs has what they log.',
    )
    .addOption(option('--servers <count>', 'cache servers').argParser(integer(1, MAX_SERVERS)).default(3))
    .addOption(option('--masters <count>', 'masters', 'ICF_UP_MASTERS').argParser(integer(1, 20)).default(2))
    .addOption(
      option('--base-port <port>', 'first of the ports').argParser(integer(1, MAX_BASE_PORT)).default(7000),
    )
    .addOption(hostOption())
    .addOption(option('--dir <dir>', 'where cluster.json, logs and state go').default('.icf'))
    .addOption(option('--restart', 'start a process again that ended'))
    .addOption(option('--verbose', 'show what the processes log'))
    .addOption(jsonOption())
    .addOption(option('--zone <names>', 'zones, given to the cache servers in turn: a,b,…'))
    .addOption(option('--weight <numbers>', 'weights, given to the cache servers in turn: 1,2,…'))
    .addOption(
      option(
        '--resp-port <port>',
        'port of the Redis protocol of the only cache server, 0 for none (not available yet)',
      ).argParser(optionalPort),
    )
    .addOption(
      option('--http-port <port>', 'port of the HTTP of the only master, 0 for none').argParser(optionalPort),
    )
    .addOption(
      option(
        '--data-dir <dir>',
        'keep the state of each master in a folder here for the next time (default: it is in --dir, and forgotten)',
      ),
    )
  for (const flags of REFUSED) command.addOption(new Option(flags).hideHelp())
  addPassedOnOptions(command)
  command.action(
    runs(async (options: UpOptions) => {
      // Only a cluster needs what comes with it; `icf --help` should be there at once.
      const { up } = await import('../up/run.js')
      return up(options, {
        master: passedOnArgs(command, 'master'),
        cache: passedOnArgs(command, 'cache'),
        maxMemoryBytes: passedOnMemory(command),
      })
    }),
  )
}
