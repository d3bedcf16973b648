import type { RunningCacheServer } from '@icf/cache-server'
import type { Address } from '@icf/common'
import type { Command } from 'commander'
import { CliError, describeError, Exit, usageError } from '../errors.js'
import { allowHeap } from '../heap.js'
import { makeLogger } from '../logger.js'
import { givenArgs } from '../members/given-args.js'
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
  processes,
  weight,
  type Processes,
} from '../options.js'
import { print, printJson } from '../output.js'
import { onStopSignal, signalExitCode } from '../signals.js'
import { supervisor } from '../supervised.js'
import { runs } from './runs.js'

export interface CacheOptions {
  readonly host: string
  readonly port: number
  readonly advertiseHost?: string
  readonly respPort: number
  readonly masters: string
  readonly cluster: string
  readonly zone?: string
  readonly machine?: string
  readonly weight: number
  readonly processes: Processes
  readonly maxMemory: number
  readonly logLevel: string
  readonly json?: boolean
}

/** Of these each process has a part of its own. */
const DIVIDED = ['processes', 'port', 'max-memory', 'weight']

export function addCache(program: Command): void {
  const command = program
    .command('cache')
    .summary('run a cache server in the foreground')
    .description(
      'Runs a cache server. Logs go to stderr; one line on stdout says when it listens. SIGTERM or Ctrl-C hands all its ' +
        'data to the other servers, then it exits; a second signal ends it at once. With --processes it is several cache servers, each a ' +
        'process with a port of its own, in a row from --port on; memory and weight are those of all together. They start and end ' +
        'together; one that dies is started again, one that `icf shutdown` has emptied stays away.',
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
    .addOption(
      option(
        '--processes <count>',
        'cache servers, one for each core with auto, as far as each has 128mb of --max-memory',
      )
        .argParser(processes)
        .default(1),
    )
    .addOption(maxMemoryOption('memory that the process may take, or all of them together'))
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .action(
      runs((options: CacheOptions) => {
        const given = command.options.filter((option) => !DIVIDED.includes(option.name()))
        return cache(options, givenArgs(command, given))
      }),
    )
}

/** @param args those that each of several processes gets as they are */
async function cache(options: CacheOptions, args: readonly string[]): Promise<number> {
  supervisor.endWhenLetGo()
  if (options.respPort !== 0) throw usageError('--resp-port: the Redis protocol is not available yet')
  const { parseMasters } = await import('../admin.js')
  const masters = parseMasters(options.masters)
  if (options.processes !== 1) {
    const [{ planProcesses }, { runProcesses }] = await Promise.all([
      import('../processes/plan.js'),
      import('../processes/run.js'),
    ])
    const shares = planProcesses(options)
    if (shares.length > 1) return runProcesses(shares, options, args)
  }
  // Under a supervisor it is bound to that by a channel, which would be lost.
  if (!supervisor.isThere) allowHeap(options.maxMemory)
  return serve(options, masters)
}

async function serve(options: CacheOptions, masters: readonly Address[]): Promise<number> {
  const { startCacheServer } = await import('@icf/cache-server')
  const { host, cluster, zone = '', machine, advertiseHost } = options
  const logger = await makeLogger('cache', options.logLevel)
  const server = await startCacheServer({
    host,
    port: options.port,
    ...(advertiseHost !== undefined && { advertiseHost }),
    respPort: options.respPort,
    masters,
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
    const handOver = (): void => {
      server.shutdown().catch((error: unknown) => reject(failure('could not hand everything off', error)))
    }
    supervisor.handOverWhenLetGo(() => {
      logger.info('let go by the process that started it: handing everything off to the other servers')
      handOver()
    })
    onStopSignal({
      first: (signal) => {
        logger.info(
          { signal },
          'handing everything off to the other servers before leaving; a second signal exits at once',
        )
        handOver()
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
