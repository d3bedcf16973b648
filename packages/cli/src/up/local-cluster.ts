import { EventEmitter } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, Exit } from '../errors.js'
import { heapArguments } from '../heap.js'
import type { MasterStatus, Status } from '@icf/common'
import { logHint } from '../members/ending-text.js'
import { Member, type Ending, type MemberKind } from '../members/member.js'
import { Restarts } from '../members/restarts.js'
import { masterAddresses } from './arguments.js'
import type { ClusterJson } from './cluster-file.js'
import type { MasterPorts, PortPlan, ServerPorts } from './port-plan.js'

export interface LocalClusterOptions {
  readonly folder: string
  readonly host: string
  readonly plan: PortPlan
  /** Where the masters keep their state for the next cluster, too; undefined: they do not. */
  readonly dataDir: string | undefined
  /** The masters find each other, and keep their state, in etcd. */
  readonly hasEtcd: boolean
  readonly masterArgs: readonly string[]
  readonly serverArgs: (index: number) => readonly string[]
  /** What each cache server may take. */
  readonly serverMemoryBytes: number
  readonly verbose: boolean
  readonly restart: boolean
}

interface LocalClusterEvents {
  /** What `json` says is another thing now. */
  changed: []
  /** A process ended that nobody stopped. */
  ended: [Member, Ending, { restarts: boolean }]
  /** No process is left. */
  empty: []
}

const STOP_GRACE_MS = 1500

/** The processes of `icf up`: starts them, knows which are alive, ends them all. */
export class LocalCluster extends EventEmitter<LocalClusterEvents> {
  readonly #masters: readonly { member: Member; ports: MasterPorts }[]
  readonly #servers: readonly { member: Member; ports: ServerPorts }[]
  readonly #restarts = new Restarts()
  readonly #startFailed: Promise<never>
  #failStart!: (error: CliError) => void
  #state: 'starting' | 'running' | 'stopping' = 'starting'
  #seenMasters: readonly MasterStatus[] = []

  constructor(private readonly options: LocalClusterOptions) {
    super()
    mkdirSync(join(options.folder, 'logs'), { recursive: true })
    this.#startFailed = new Promise((_, reject) => (this.#failStart = reject))
    this.#startFailed.catch(() => undefined)
    const { plan, masterArgs, serverArgs, serverMemoryBytes } = options
    // A member can not begin once more by itself: it would lose its channel.
    const heap = heapArguments(serverMemoryBytes)
    this.#masters = plan.masters.map((ports) => ({
      ports,
      member: this.#makeMember('master', ports.port, this.#masterArgs(ports, masterArgs), []),
    }))
    this.#servers = plan.servers.map((ports, i) => ({
      ports,
      member: this.#makeMember('cache', ports.port, this.#serverArgs(ports, serverArgs(i)), heap),
    }))
  }

  /** @throws CliError when a process ends instead of listening */
  async startMasters(): Promise<void> {
    await this.#startAll(this.#masters.map(({ member }) => member))
  }

  /** @throws CliError when a process ends instead of listening */
  async startServers(): Promise<void> {
    await this.#startAll(this.#servers.map(({ member }) => member))
  }

  /** Until `running()` a process that ends fails the start: `work` is given up then. */
  async whileStarting<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#startFailed])
  }

  /** From here on a process that ends is reported. */
  running(): void {
    this.#state = 'running'
  }

  get json(): ClusterJson {
    const { host } = this.options
    return {
      masters: this.#masters
        .filter(({ member }) => member.isReady)
        .map(({ member, ports }) => {
          const known = this.#seenMasters.find(({ id }) => id === member.id)
          const httpPort = known?.httpPort ?? 0
          return {
            id: member.id,
            pid: member.pid!,
            host,
            port: ports.port,
            httpPort,
            role: known?.role ?? 'starting',
          }
        }),
      servers: this.#servers
        .filter(({ member }) => member.isReady)
        // The Redis port is planned, but nothing listens there yet.
        .map(({ member, ports }) => ({
          id: member.id,
          pid: member.pid!,
          host,
          port: ports.port,
          respPort: 0,
        })),
    }
  }

  /** Takes over what only the masters know of themselves. */
  learn({ masters }: Status): void {
    this.#seenMasters = masters
    this.emit('changed')
  }

  /** Ends every process, without handing anything over. */
  async stop(): Promise<void> {
    this.#state = 'stopping'
    this.#restarts.stop()
    await Promise.all(this.#members.map((member) => member.stop(STOP_GRACE_MS)))
  }

  killAll(): void {
    this.#state = 'stopping'
    for (const member of this.#members) member.kill()
  }

  get #members(): Member[] {
    return [...this.#masters, ...this.#servers].map(({ member }) => member)
  }

  #makeMember(kind: MemberKind, port: number, args: readonly string[], nodeArgs: readonly string[]): Member {
    const { folder, host, verbose } = this.options
    const logPath = join(folder, 'logs', `${kind}-${port}.log`)
    const member = new Member({ kind, host, port, args, nodeArgs, whenLetGo: 'end', logPath, verbose })
    member.on('changed', () => this.emit('changed'))
    member.on('ended', (ending) => this.#memberEnded(member, ending))
    return member
  }

  #masterArgs({ port, httpPort }: MasterPorts, others: readonly string[]): string[] {
    return [
      ...['--host', this.options.host],
      ...['--port', String(port)],
      ...['--http-port', String(httpPort)],
      ...(this.options.hasEtcd ? [] : ['--data-dir', this.#stateFolder(port), ...this.#peerArgs()]),
      ...others,
    ]
  }

  /** A lone master has no others. */
  #peerArgs(): string[] {
    const { plan, host } = this.options
    return plan.masters.length > 1 ? ['--peers', masterAddresses(plan, host)] : []
  }

  #stateFolder(port: number): string {
    const { dataDir, folder } = this.options
    if (dataDir !== undefined) return join(dataDir, `master-${port}`)
    // A new local cluster knows nothing of the one before: its servers are gone, and their data.
    const ownFolder = join(folder, `state-master-${port}`)
    rmSync(ownFolder, { recursive: true, force: true })
    return ownFolder
  }

  #serverArgs({ port }: ServerPorts, others: readonly string[]): string[] {
    return ['--host', this.options.host, '--port', String(port), ...others]
  }

  async #startAll(members: readonly Member[]): Promise<void> {
    const ready = members.map(
      (member) =>
        new Promise<void>((resolve) => {
          member.on('changed', () => {
            if (member.isReady) resolve()
          })
          member.start()
        }),
    )
    await this.whileStarting(Promise.all(ready))
  }

  #memberEnded(member: Member, ending: Ending): void {
    this.emit('changed')
    if (this.#state === 'stopping') return
    if (this.#state === 'starting') return this.#failStart(startError(member, ending))
    const hasLeft = member.options.kind === 'cache' && ending.code === 0
    const restarts = this.options.restart && !hasLeft
    this.emit('ended', member, ending, { restarts })
    if (restarts) this.#restarts.add(member, ending)
    const isEmpty = this.#restarts.isEmpty && this.#members.every(({ pid }) => pid === undefined)
    if (isEmpty) this.emit('empty')
  }
}

function startError(member: Member, { error, code, signal }: Ending): CliError {
  if (error && error.code !== 'BUG')
    return new CliError(error.exit, error.code, `${member.name}: ${error.message}`)
  const how = signal ? `was killed by ${signal}` : `stopped with exit code ${code}`
  return new CliError(
    Exit.FAILED,
    error?.code ?? 'START',
    `${member.name} ${how} while it started; ${logHint(member)}`,
  )
}
