import type { Command } from 'commander'
import {
  addTimingOptions,
  clusterOption,
  hostOption,
  integer,
  jsonOption,
  logLevelOption,
  maxMemoryOption,
  option,
  type TimingOptions,
} from '../options.js'
import { MAX_BASE_PORT, MAX_SERVERS } from '../up/port-plan.js'
import { runs } from './runs.js'

export interface UpOptions extends TimingOptions {
  readonly servers: number
  readonly masters: number
  readonly basePort: number
  readonly dir: string
  readonly host: string
  readonly advertiseHost?: string
  readonly cluster: string
  readonly zone?: string
  readonly weight?: string
  readonly maxMemory: number
  readonly logLevel: string
  readonly restart?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
}

export function addUp(program: Command): void {
  const command = program
    .command('up')
    .summary('run a cluster on this machine, until Ctrl-C')
    .description(
      'Runs a cluster on this machine in the foreground, every master and cache server a process of its own, to try things ' +
        'out: kill a process and look what happens. Ctrl-C ends it all, and its data. It uses ports from --base-port: masters from ' +
        'base, their HTTP from base+80, cache servers from base+100, their Redis protocol from base+130. DIR/cluster.json ' +
        'names the processes that are alive, DIR/logs has what they log.',
    )
    .addOption(option('--servers <count>', 'cache servers').argParser(integer(1, MAX_SERVERS)).default(3))
    .addOption(option('--masters <count>', 'masters', 'ICF_UP_MASTERS').argParser(integer(1, 20)).default(1))
    .addOption(
      option('--base-port <port>', 'first of the ports').argParser(integer(1, MAX_BASE_PORT)).default(7000),
    )
    .addOption(option('--dir <dir>', 'where cluster.json, logs and state go').default('.icf'))
    .addOption(option('--restart', 'start a process again that ended'))
    .addOption(option('--verbose', 'show what the processes log'))
    .addOption(maxMemoryOption('memory that each cache server may take'))
    .addOption(option('--zone <names>', 'zones, given to the cache servers in turn: a,b,…'))
    .addOption(option('--weight <numbers>', 'weights, given to the cache servers in turn: 1,2,…'))
    .addOption(hostOption())
    .addOption(
      option('--advertise-host <address>', 'where others reach the cache servers (default: the host)'),
    )
    .addOption(clusterOption())
  addTimingOptions(command)
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .action(
      // Only a cluster needs what comes with it; `icf --help` should be there at once.
      runs(async (options: UpOptions) => (await import('../up/run.js')).up(options)),
    )
}
