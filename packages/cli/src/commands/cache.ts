import type { RunningCacheServer } from '@icf/cache-server'
import type { Command } from 'commander'
import { CliError, describeError, Exit, usageError } from '../errors.js'
import { allowHeap } from '../heap.js'
import { makeLogger } from '../logger.js'
import {
  clusterOption,
  DEFAULT_MASTERS,
  hostOption,
  jsonOption,
  logLevelOption,
  maxMemoryOption,
  option,
  optionalPort,
  port,
  weight,
} from '../options.js'
import { print, printJson } from '../output.js'
import { onStopSignal, signalExitCode } from '../signals.js'
import { supervisor } from '../supervised.js'
import { runs } from './runs.js'

interface CacheOptions {
  readonly host: string
  readonly port: number
  readonly advertiseHost?: string
  readonly respPort: number
  readonly masters: string
  readonly cluster: string
  readonly zone?: string
  readonly machine?: string
  readonly weight: number
  readonly maxMemory: number
  readonly logLevel: string
  readonly json?: boolean
}

export function addCache(program: Command): void {
  program
    .command('cache')
    .summary('run a cache server in the foreground')
    .description(
      'Runs a cache server. Logs go to stderr; one line on stdout says when it listens. SIGTERM or Ctrl-C hands all its ' +
        'data to the other servers, then it exits; a second signal ends it at once.',
    )
    .addOption(option('--port <port>', 'port to listen on').argParser(port).default(7100))
    .addOption(hostOption())
    .addOption(option('--advertise-host <address>', 'where the others reach it (default: the host)'))
    .addOption(
      option('--resp-port <port>', 'port of its Redis protocol, 0 for none (not available yet)')
        .argParser(optionalPort)
        .default(0),
    )
    .addOption(option('--masters <addresses>', 'masters to join, host:port,…').default(DEFAULT_MASTERS))
    .addOption(clusterOption())
    .addOption(option('--zone <name>', 'backups are kept in another zone'))
    .addOption(
      option(
        '--machine <name>',
        'backups are kept on another machine (default: this host, also for its containers)',
      ),
    )
    .addOption(
      option('--weight <number>', 'share of the data, relative to the others').argParser(weight).default(1),
    )
    .addOption(maxMemoryOption('memory that the process may take'))
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .action(runs(cache))
}

async function cache(options: CacheOptions): Promise<number> {
  supervisor.endWhenLetGo()
  // Under `icf up` it is bound to that by a channel, which would be lost.
  if (!supervisor.isThere) allowHeap(options.maxMemory)
  if (options.respPort !== 0) throw usageError('--resp-port: the Redis protocol is not available yet')
  const [{ startCacheServer }, { parseMasters }] = await Promise.all([
    import('@icf/cache-server'),
    import('../admin.js'),
  ])
  const { host, cluster, zone = '', machine, advertiseHost } = options
  const logger = await makeLogger('cache', options.logLevel)
  const server = await startCacheServer({
    host,
    port: options.port,
    ...(advertiseHost !== undefined && { advertiseHost }),
    respPort: options.respPort,
    masters: parseMasters(options.masters),
    cluster,
    zone,
    ...(machine !== undefined && { machine }),
    weight: options.weight,
    maxMemoryBytes: options.maxMemory,
    logger,
    onIncarnation: (id) => void supervisor.tell({ type: 'id', id }),
  })
  const stopped = new Promise<number>((resolve, reject) => {
    server.closed.then(
      () => resolve(Exit.DONE),
      (error: unknown) => reject(failure('the master refused this server', error)),
    )
    onStopSignal({
      first: (signal) => {
        logger.info(
          { signal },
          'handing everything off to the other servers before leaving; a second signal exits at once',
        )
        server.shutdown().catch((error: unknown) => reject(failure('could not hand everything off', error)))
      },
      again: (signal) => process.exit(signalExitCode(signal)),
    })
  })
  await announce(server, options)
  return stopped
}

async function announce(
  server: RunningCacheServer,
  { host, cluster, respPort, json }: CacheOptions,
): Promise<void> {
  await supervisor.tell({ type: 'listening', id: server.id })
  const ready = { kind: 'cache', id: server.id, host, port: server.address.port, respPort, pid: process.pid }
  if (json) printJson(ready)
  else
    print(
      `icf cache server listens at ${host}:${ready.port} (cluster "${cluster}", id ${ready.id.slice(0, 8)})`,
    )
}

function failure(what: string, cause: unknown): CliError {
  const { code, message } = describeError(cause)
  return new CliError(Exit.FAILED, code, `${what}: ${message}`, { cause })
}
