import { join } from 'node:path'
import { memoryWarning } from '@icf/common/node'
import type { AdminOptions } from '../admin.js'
import type { UpOptions } from '../commands/up.js'
import { CliError, Exit, fileProblem } from '../errors.js'
import { endingText } from '../members/ending-text.js'
import { requireFreePorts } from '../members/free-ports.js'
import { note, print, printJson } from '../output.js'
import { Progress } from '../progress.js'
import { onStopSignal, signalExitCode } from '../signals.js'
import { pendingOf } from '../status-text.js'
import type { Status } from '@icf/common'
import { styleFor } from '../style.js'
import { masterAddresses, refuseOneForAll, serverArgs } from './arguments.js'
import { bannerLines, commandName } from './banner.js'
import { ClusterFile } from './cluster-file.js'
import { LocalCluster } from './local-cluster.js'
import { planPorts } from './port-plan.js'
import { requireUnusedFolder } from './preflight.js'
import { StatusWatch } from './status-watch.js'
import { untilStatus } from './until-status.js'

const SETTLE_TIMEOUT_MS = 60_000
const REQUEST_TIMEOUT_MS = 2000

/** Arguments that every process of a kind gets. */
export interface PassedOn {
  readonly master: readonly string[]
  readonly cache: readonly string[]
  /** `--max-memory` of each cache server. */
  readonly maxMemoryBytes: number
}

/** `icf up`. */
export async function up(options: UpOptions, passedOn: PassedOn): Promise<number> {
  refuseOneForAll(options)
  const { host, dir, servers } = options
  const plan = planPorts(options.basePort, options.masters, servers, options.httpPort)
  const args = Array.from({ length: servers }, (_, i) => [...serverArgs(options, plan, i), ...passedOn.cache])
  await requireUnusedFolder(dir)
  const ports = [
    ...plan.masters.flatMap((m) => (m.httpPort === 0 ? [m.port] : [m.port, m.httpPort])),
    ...plan.servers.map((s) => s.port),
  ]
  await requireFreePorts(host, ports, '--base-port')

  warnOfMemory(passedOn.maxMemoryBytes, options)
  const file = new ClusterFile(dir, (error) => {
    const message = `can not write ${join(dir, 'cluster.json')}, which is out of date now: ${fileProblem(error)}`
    note(options.json ? JSON.stringify({ event: { code: 'CLUSTER_FILE', message } }) : `icf: ${message}`)
  })
  const cluster = new LocalCluster({
    ...{ folder: dir, host, plan, verbose: options.verbose === true, restart: options.restart === true },
    masterArgs: passedOn.master,
    dataDir: options.dataDir,
    hasEtcd: options.coordination === 'etcd',

    serverArgs: (index) => args[index]!,
    serverMemoryBytes: passedOn.maxMemoryBytes,
  })
  cluster.on('changed', () => file.write(cluster.json))
  const admin = {
    masters: masterAddresses(plan, host),
    cluster: options.cluster,
    timeoutMs: REQUEST_TIMEOUT_MS,
  }
  const watch = new StatusWatch(admin, (status) => cluster.learn(status))
  const signalled = stopSignal(cluster, file)
  try {
    const isUp = await Promise.race([start(cluster, servers, admin), signalled.then(() => false)])
    if (!isUp) return Exit.DONE
    watch.start()
    announce(cluster, options)
    return await Promise.race([signalled, ended(cluster, options)])
  } finally {
    watch.stop()
    await cluster.stop()
    file.remove()
  }
}

/** Each cache server compares its own with what there is; only here it is known how many they are. */
function warnOfMemory(maxMemoryBytes: number, { servers, json }: UpOptions): void {
  const message = memoryWarning(maxMemoryBytes, servers)
  if (message === undefined) return
  note(json ? JSON.stringify({ event: { code: 'MEMORY', message } }) : `icf: ${message}`)
}

/** Resolves at the first signal; at the second it ends everything at once. */
function stopSignal(cluster: LocalCluster, file: ClusterFile): Promise<number> {
  return new Promise((resolve) =>
    onStopSignal({
      first: () => resolve(Exit.DONE),
      again: (signal) => {
        cluster.killAll()
        file.remove()
        process.exit(signalExitCode(signal))
      },
    }),
  )
}

async function start(cluster: LocalCluster, serverCount: number, admin: AdminOptions): Promise<true> {
  let state = 'the master'
  const isAnswer = (): boolean => true
  const progress = new Progress('starting', () => ({ text: state }))
  try {
    await cluster.startMasters()
    cluster.learn(
      await cluster.whileStarting(untilStatus(admin, SETTLE_TIMEOUT_MS, isAnswer, () => undefined)),
    )
    state = `${serverCount} cache servers`
    await cluster.startServers()
    const isThere = (status: Status): boolean => status.settled && status.servers.length === serverCount
    cluster.learn(
      await cluster.whileStarting(
        untilStatus(admin, SETTLE_TIMEOUT_MS, isThere, (status) => (state = pendingOf(status))),
      ),
    )
    return true
  } finally {
    progress.stop()
  }
}

function announce(cluster: LocalCluster, options: UpOptions): void {
  cluster.running()
  if (options.json) return printJson(cluster.json)
  const icf = commandName(process.argv[1] ?? 'icf')
  const input = { cluster: cluster.json, clusterName: options.cluster, folder: options.dir, icf }
  print(...bannerLines(input, styleFor(process.stdout)))
}

/** Reports each process that ends; resolves when none is left. */
function ended(cluster: LocalCluster, { json }: UpOptions): Promise<never> {
  cluster.on('ended', (member, ending, { restarts }) => {
    const message = endingText(member, ending) + (restarts ? '; starting it again' : '')
    note(json ? JSON.stringify({ event: { code: 'PROCESS_ENDED', message } }) : `icf: ${message}`)
  })
  return new Promise((_, reject) =>
    cluster.once('empty', () =>
      reject(new CliError(Exit.FAILED, 'EMPTY', 'every process of the cluster has ended')),
    ),
  )
}
