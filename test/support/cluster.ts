import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askMaster, askTopology, assignmentOf } from './admin.js'
import { connect, type Client, type ConnectOptions } from '@icf/client'
import type { Status } from '@icf/common'
import type { Child, Exit } from './child.js'
import { icf, ICF } from './icf.js'
import { HERE, type Place } from './place.js'
import { freePort } from '@icf/testkit/ports'
import { Hopeless, waitUntil } from '@icf/testkit/wait'

export interface ClusterOptions {
  readonly servers?: number
  /** One is alone; several vote for the active one. Default 1. */
  readonly masters?: number
  /** Path of the `icf` command with which it begins; default: of this build. */
  readonly icf?: string
  /** URLs of the etcd that decides which master is active; without it they vote. */
  readonly etcd?: string
  /** More options for every `icf master` and every `icf cache`. */
  readonly masterArgs?: readonly string[]
  readonly serverArgs?: readonly string[]
  /** Where each master and each server runs, in the order of their start; those that have no place run here. */
  readonly places?: { readonly masters: readonly Place[]; readonly servers: readonly Place[] }
}

/** What is expected of a cache server from now on. */
type Expectation = 'member' | 'paused' | 'leaving' | 'gone'

export class Server {
  expectation: Expectation = 'member'
  /** Of its present incarnation, once the cluster was settled with it. */
  id = ''

  constructor(
    readonly port: number,
    readonly child: Child,
    readonly place: Place,
  ) {}

  get address(): string {
    return `${this.place.host}:${this.port}`
  }
}

/** Between two questions, which cost the master and this process some ms each: for a moment that passes, … */
const MOMENT_EVERY_MS = 5
/** … and for what stays. */
export const STATE_EVERY_MS = 50

/** A machine that has just begun to start a cluster, beside others, can be slow to let anybody in. */
const CONNECT_TIMEOUT_MS = 60_000

interface Master {
  readonly port: number
  readonly place: Place
  readonly args: readonly (string | number)[]
  child: Child
  isExpected: boolean
}

let nextCluster = 1

/** A master and cache servers, each a real process of its own, started and killed one by one. */
export class Cluster {
  /** Every cache server ever started here, also those that have gone. */
  readonly servers: Server[] = []
  /** Path of the command that starts processes from now on. */
  icf: string
  readonly name = `test-${process.pid}-${nextCluster++}`
  readonly #masters: Master[] = []
  /** Ids of incarnations that must not come back. */
  readonly #retiredIds = new Set<string>()
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-test-'))
  readonly #options: ClusterOptions
  #serversBegun = 0

  private constructor(options: ClusterOptions) {
    this.#options = options
    this.icf = options.icf ?? ICF
  }

  /** Returns when every slot has its primary and its backup. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options)
    try {
      await cluster.#startMasters()
      const count = options.servers ?? 3
      await Promise.all(Array.from({ length: count }, () => cluster.addServer()))
      await cluster.settled()
      return cluster
    } catch (error) {
      console.error(cluster.transcript())
      await cluster.#killAll()
      throw error
    }
  }

  get masterAddresses(): string[] {
    return this.#masters.map(({ port, place }) => `${place.host}:${port}`)
  }

  /** Options by which `icf` commands find this cluster. */
  get connectArgs(): string[] {
    return ['--masters', this.masterAddresses.join(','), '--cluster', this.name]
  }

  /** A client of this cluster. */
  connect(options: Partial<ConnectOptions> = {}): Promise<Client> {
    const { masterAddresses: masters, name: cluster } = this
    return connect({ masters, cluster, connectTimeoutMs: CONNECT_TIMEOUT_MS, ...options })
  }

  get members(): Server[] {
    return this.servers.filter(({ expectation }) => expectation === 'member')
  }

  /** Returns once it is started, not once it is a member: for that, wait for `settled`. */
  async addServer(port?: number): Promise<Server> {
    const { serverArgs = [], places } = this.#options
    const place = places?.servers[this.#serversBegun++] ?? HERE
    const ownPort = port ?? (await freePort())
    const args = ['cache', '--port', ownPort, '--host', place.host, ...this.connectArgs, ...serverArgs]
    const server = new Server(ownPort, icf(args, {}, place, this.icf), place)
    this.servers.push(server)
    return server
  }

  /** Servers join, or the last ones are shut down, until so many are members; returns when that has settled. */
  async resize(count: number): Promise<void> {
    const { members } = this
    const missing = Math.max(0, count - members.length)
    await Promise.all(Array.from({ length: missing }, () => this.addServer()))
    if (members.length > count) await this.shutdown(...members.slice(count))
    await this.settled()
  }

  /** Sends a signal, and from then on expects what must follow from it. */
  kill(server: Server, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    if (signal === 'SIGCONT') server.expectation = 'member'
    else {
      // A server that leaves is a member until it is empty; the others must never be seen again as they were.
      if (signal !== 'SIGTERM') this.#retiredIds.add(server.id)
      server.expectation = signal === 'SIGSTOP' ? 'paused' : signal === 'SIGTERM' ? 'leaving' : 'gone'
    }
    server.child.signal(signal)
  }

  /** Asks the master to let servers go, and waits until their processes have ended. */
  async shutdown(...servers: Server[]): Promise<Exit[]> {
    await this.beginShutdown(...servers)
    return Promise.all(servers.map(({ child }) => child.exited))
  }

  /** Asks the master to let servers go; returns once that is in effect, and they have begun to. */
  async beginShutdown(...servers: Server[]): Promise<void> {
    for (const server of servers) server.expectation = 'leaving'
    await this.ask('SHUTDOWN_CACHE', { servers: servers.map(({ address }) => address), dryRun: false })
  }

  /** Which master is active, by its own word. */
  async activeMaster(): Promise<number> {
    const { masters } = await this.status()
    const active = masters.find(({ role }) => role === 'active')!
    return this.#masters.findIndex(({ port }) => port === active.port)
  }

  /** A standby takes over only when it has a vote, which it gets once cache servers are there. */
  async untilMastersVote(): Promise<Status> {
    return this.untilStatus(
      'all masters to vote',
      ({ masters }) =>
        masters.length === this.#masters.length && masters.every(({ alive, isVoter }) => alive && isVoter),
      { everyMs: STATE_EVERY_MS },
    )
  }

  /** Resolves when the process is gone: until then it has its data directory to itself. */
  async killMaster(index = 0): Promise<void> {
    const master = this.#masters[index]!
    master.isExpected = false
    master.child.signal('SIGKILL')
    await master.child.exited
  }

  /** Tells it to end, and resolves when it has. */
  endMaster(index = 0): Promise<Exit> {
    const master = this.#masters[index]!
    master.isExpected = false
    master.child.signal('SIGTERM')
    return master.child.exited
  }

  /** Stops it, or lets it go on: nothing else is expected of anybody. */
  pauseMaster(signal: 'SIGSTOP' | 'SIGCONT', index = 0): void {
    this.#masters[index]!.child.signal(signal)
  }

  /** Its state file is gone; the master must be dead. */
  loseMasterState(index = 0): void {
    rmSync(this.#dataDir(index), { recursive: true })
  }

  /** Returns what puts the state as it is now back, while the master is dead. */
  copyMasterState(index = 0): () => void {
    const [dataDir, copy] = [this.#dataDir(index), `${this.#dataDir(index)}.copy`]
    cpSync(dataDir, copy, { recursive: true })
    return () => cpSync(copy, dataDir, { recursive: true, force: true })
  }

  /** On its port and its data directory. @param env what its environment has beside the usual */
  restartMaster(index = 0, env: NodeJS.ProcessEnv = {}): void {
    const master = this.#masters[index]!
    master.child = icf(master.args, env, master.place, this.icf)
    master.isExpected = true
  }

  ask(name: string, args: object = {}): Promise<unknown> {
    return askMaster(this.masterAddresses, this.name, name, args)
  }

  async status(): Promise<Status> {
    return (await this.ask('STATUS')) as Status
  }

  /** Of the events that the active master remembers, the oldest first. */
  async eventTypes(): Promise<string[]> {
    const { events } = (await this.ask('EVENTS')) as { events: { type: string }[] }
    return events.map(({ type }) => type)
  }

  /** For each slot its primary and backup, as text. */
  async assignment(): Promise<string[]> {
    return assignmentOf(await askTopology(this.masterAddresses, this.name))
  }

  /** Waits until exactly the servers that should be members are, every slot and backup is complete, and nothing moves. */
  async settled(timeoutMs = 120_000): Promise<void> {
    let seen: Status | undefined
    try {
      await waitUntil(
        async () => {
          this.#requireExpectedExits()
          seen = await this.status()
          return seen.settled && this.#hasExpectedMembers(seen)
        },
        { what: 'the cluster to settle', timeoutMs, everyMs: STATE_EVERY_MS },
      )
    } catch (error) {
      if (error instanceof Hopeless) throw error
      throw new Error(`${(error as Error).message}; the last status was ${JSON.stringify(seen)}`, {
        cause: error,
      })
    }
    for (const { id, port } of seen!.servers) this.members.find((server) => server.port === port)!.id = id
  }

  /**
   * Waits until the status tells it, and returns that status.
   * @param how `masters` that are asked, by default all; by default so often that a short moment is seen
   */
  async untilStatus(
    what: string,
    holds: (status: Status) => boolean,
    how: { readonly masters?: readonly string[]; readonly everyMs?: number } = {},
  ): Promise<Status> {
    const { masters = this.masterAddresses, everyMs = MOMENT_EVERY_MS } = how
    let status!: Status
    const ask = async (): Promise<Status> => (await askMaster(masters, this.name, 'STATUS')) as Status
    await waitUntil(async () => holds((status = await ask())), { what, everyMs })
    return status
  }

  /**
   * Kills everything.
   * @throws Error when a process had ended that should not have
   */
  async stop(): Promise<void> {
    try {
      this.#requireExpectedExits()
    } finally {
      await this.#killAll()
    }
  }

  /** The last lines of every process, for the report of a failed test. */
  transcript(): string {
    return this.#children.map((child) => child.transcript()).join('\n')
  }

  get #children(): Child[] {
    return [...this.#masters, ...this.servers].map(({ child }) => child)
  }

  #hasExpectedMembers({ servers }: Status): boolean {
    const members = new Set(this.members.map(({ port }) => port))
    return (
      servers.length === members.size &&
      servers.every(({ id, port }) => members.has(port) && !this.#retiredIds.has(id))
    )
  }

  #requireExpectedExits(): void {
    for (const { child, isExpected } of this.#masters)
      if (isExpected && !child.isRunning)
        throw new Hopeless(`a master ended by itself:\n${child.transcript()}`)
    for (const { child, expectation } of this.servers)
      if ((expectation === 'member' || expectation === 'paused') && !child.isRunning)
        throw new Hopeless(`a cache server ended by itself:\n${child.transcript()}`)
  }

  async #startMasters(): Promise<void> {
    const { masters = 1, places } = this.#options
    const sites: { port: number; place: Place }[] = []
    while (sites.length < masters)
      sites.push({ port: await freePort(), place: places?.masters[sites.length] ?? HERE })
    const peers = sites.map(({ port, place }) => `${place.host}:${port}`).join(',')
    for (const { port, place } of sites) await this.#startMaster(port, place, masters > 1 ? peers : undefined)
  }

  async #startMaster(port: number, place: Place, peers: string | undefined): Promise<void> {
    const { masterArgs = [], etcd } = this.#options
    const httpPort = await freePort()
    const dataDir = this.#dataDir(this.#masters.length)
    const args = [
      'master',
      '--port',
      port,
      '--host',
      place.host,
      '--http-port',
      httpPort,
      '--cluster',
      this.name,
      ...(etcd === undefined ? ['--data-dir', dataDir] : ['--coordination', 'etcd', '--etcd', etcd]),
      ...(etcd === undefined && peers !== undefined ? ['--peers', peers] : []),
      ...masterArgs,
    ]
    this.#masters.push({ port, place, args, child: icf(args, {}, place, this.icf), isExpected: true })
  }

  #dataDir(index: number): string {
    return join(this.#dir, `master-${index}`)
  }

  async #killAll(): Promise<void> {
    for (const child of this.#children) child.signal('SIGKILL')
    await Promise.all(this.#children.map(({ exited }) => exited))
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** Runs a test on a cluster of its own, shows what its processes said when the test fails, and leaves none behind. */
export async function withCluster<T>(
  options: ClusterOptions,
  body: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await Cluster.start(options)
  let result: T
  try {
    result = await body(cluster)
  } catch (error) {
    console.error(cluster.transcript())
    await cluster.stop().catch(() => undefined)
    throw error
  }
  await cluster.stop()
  return result
}
