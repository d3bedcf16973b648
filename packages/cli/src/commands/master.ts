import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { makeLogger } from '../logger.js'
import {
  addTimingOptions,
  clusterOption,
  duration,
  hostOption,
  jsonOption,
  logLevelOption,
  option,
  optionalPort,
  port,
  type TimingOptions,
} from '../options.js'
import { print, printJson } from '../output.js'
import { onStopSignal, signalExitCode } from '../signals.js'
import { supervisor } from '../supervised.js'
import { addEtcdOptions, readEtcdOptions, type EtcdArguments } from './etcd-options.js'
import { runs } from './runs.js'

interface MasterOptions extends TimingOptions, EtcdArguments {
  readonly host: string
  readonly advertiseHost?: string
  readonly port: number
  readonly httpPort?: number
  readonly machine?: string
  readonly cluster: string
  readonly forgetAfter: number
  readonly audit: string
  readonly logLevel: string
  readonly json?: boolean
}

/** From the port of a master to that of its HTTP. */
const HTTP_PORT_OFFSET = 80

/** Instead of a folder: the state is kept in memory only. */
const NO_DATA_DIR = 'none'

/** Instead of a schedule. */
const NO_AUDIT = 'off'

export function addMaster(program: Command): void {
  const command = program
    .command('master')
    .summary('run a master in the foreground')
    .description(
      'Runs a master: it holds no data, knows who is there, and says which server serves what. Logs go to stderr; one line ' +
        'on stdout says when it is ready. SIGTERM or Ctrl-C ends it, within about a second: an active master hands over to a standby ' +
        'first, where there is one; else the cache servers and clients go on without it. A second signal ends it at once.',
    )
    .addOption(option('--port <port>', 'port to listen on').argParser(port).default(7000))
    .addOption(hostOption())
    .addOption(
      option(
        '--advertise-host <address>',
        'where the others reach it, also after it was started again (default: the host)',
      ),
    )
    .addOption(
      option('--http-port <port>', 'port of its HTTP, 0 for none (default: port + 80)').argParser(
        optionalPort,
      ),
    )
    .addOption(
      option(
        '--data-dir <dir>',
        `where it keeps its state, so that a restart loses nothing; "${NO_DATA_DIR}": in memory only (default: .icf/master-PORT)`,
      ),
    )
    .addOption(clusterOption())
    .addOption(
      option(
        '--peers <addresses>',
        'the other masters, host:port,…; this one may be among them: one is active, the others stand by',
      ),
    )
    .addOption(
      option('--machine <name>', 'what dies at once with it (default: this host, also for its containers)'),
    )
  addEtcdOptions(command)
  addTimingOptions(command)
    .addOption(
      option(
        '--forget-after <duration>',
        'a silent cache server keeps the slots that only it has for this long; then they are given up',
      )
        .argParser(duration)
        .default(3_600_000, '1h'),
    )
    .addOption(
      option(
        '--audit <schedule>',
        `when all backups are compared with their primaries, as a cron expression in local time; "${NO_AUDIT}": only by icf audit`,
      ).default('0 3 * * *'),
    )
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .action(runs(master))
}

async function master(options: MasterOptions): Promise<number> {
  supervisor.endWhenLetGo()
  const etcd = readEtcdOptions(options)
  const [{ startMaster }, { checkTiming }, { parseMasters }] = await Promise.all([
    import('@icf/master'),
    import('@icf/common'),
    import('../admin.js'),
  ])
  const { host, cluster, heartbeatInterval, lease, deadAfter } = options
  const dataDir = etcd ? undefined : dataDirOf(options)
  const timing = checkTiming({
    heartbeatIntervalMs: heartbeatInterval,
    leaseMs: lease,
    deadAfterMs: deadAfter,
  })
  const httpPort = options.httpPort ?? defaultHttpPort(options.port)
  const logger = await makeLogger('master', options.logLevel)
  const running = await startMaster({
    host,
    ...(options.advertiseHost !== undefined && { advertiseHost: options.advertiseHost }),
    port: options.port,
    ...(httpPort !== 0 && { httpPort }),
    cluster,
    dataDir,
    ...(etcd && { etcd }),
    ...(options.peers !== undefined && { peers: parseMasters(options.peers, '--peers') }),
    ...(options.machine !== undefined && { machine: options.machine }),
    timing,
    forgetAfterMs: options.forgetAfter,
    ...(options.audit !== NO_AUDIT && { audit: options.audit }),
    logger,
  })
  const stopped = new Promise<number>((resolve, reject) =>
    onStopSignal({
      first: () => void running.retire().then(() => resolve(Exit.DONE), reject),
      again: (signal) => process.exit(signalExitCode(signal)),
    }),
  )
  await supervisor.tell({ type: 'listening', id: running.id })
  const ready = {
    kind: 'master',
    id: running.id,
    host,
    port: running.address.port,
    httpPort: running.httpAddress?.port ?? 0,
    dataDir: dataDir === undefined ? null : resolve(dataDir),
    pid: process.pid,
  }
  if (options.json) printJson(ready)
  else
    print(
      `icf master is ready at ${host}:${ready.port} (cluster "${cluster}", state in ${etcd ? 'etcd' : (dataDir ?? 'memory only')})`,
    )
  return stopped
}

function dataDirOf({ port, dataDir = join('.icf', `master-${port}`) }: MasterOptions): string | undefined {
  return dataDir === NO_DATA_DIR ? undefined : dataDir
}

function defaultHttpPort(nativePort: number): number {
  const planned = nativePort + HTTP_PORT_OFFSET
  return planned <= 65_535 ? planned : 0
}
