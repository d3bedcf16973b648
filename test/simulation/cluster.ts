import { formatAddress } from '@icf/common/node'
import { NONE, type Address, type Topology } from '@icf/common'
import { CacheServer, type Incarnation, type RunningCacheServer } from '@icf/cache-server/shell'
import { connectOn, type Client } from '@icf/client/shell'
import { pino, type Logger } from 'pino'
import { Violation } from './checkers/violation.js'
import { KeeperFinder } from './keeper.js'
import { SimMasters } from './masters/masters.js'
import type { Network } from './virtual/network.js'
import { VirtualProcess } from './virtual/process.js'
import { WallClocks } from './wall-clocks.js'

const CLUSTER = 'sim'
const NO_MEMORY = { residentBytes: () => 0, follow: () => undefined }

/** What a cache server says when a backup lacked a write. */
const MENDING = 'backups lacked a write'

/** … and when an audit found that one is not as its primary. */
const DIFFERS = 'an audit found'

/** Clocks of two processes may differ in their rate by less than a tenth: docs/failure-model.md. */
const SLOWEST_CLOCK = 0.953
const FASTEST_CLOCK = 1.048

export interface ClusterOptions {
  /** How many there are: one is alone, several vote. */
  readonly masters: number
  readonly slotCount: number
  /** What the entries of one server may take, in bytes: of one machine after the other, and so on from the first. */
  readonly budgets: readonly number[]
  readonly zones: readonly string[]
}

export interface SimServer {
  readonly process: VirtualProcess
  readonly address: Address
  incarnation: Incarnation
  /** Undefined until it listens. */
  running: RunningCacheServer | undefined
  /** Told to hand over everything and end. */
  isLeaving: boolean
}

export interface SimClient {
  readonly process: VirtualProcess
  readonly client: Client
}

/** What a machine has of these, by its number. */
function byMachine<T>(machine: string, items: readonly T[]): T {
  return items[Number(/\d+$/.exec(machine)?.[0]) % items.length]!
}

/** A cluster of real masters, cache servers and clients, each on a virtual process. */
export class SimCluster {
  #servers: SimServer[] = []
  /** Living ones. */
  readonly clients: SimClient[] = []
  /** Called when one has its first topology, … */
  clientStarted: (client: SimClient) => void = () => undefined
  /** … and with its death. */
  clientDied: (client: SimClient) => void = () => undefined
  /** What a cache server logs of that. It is mended, and must never be necessary. */
  copiesDiffered = (line: string): void => {
    throw new Violation(`invariant 2: ${line}`)
  }
  /** Called when a server begins to be a member, or to be one anew. */
  incarnationBegan: (server: SimServer) => void = () => undefined
  /** Of all kinds, dead ones included. */
  #processes: VirtualProcess[] = []
  readonly masters: SimMasters
  readonly #keepers: KeeperFinder
  readonly #logger: Logger
  #nextPort = 7100
  #nextName = 1

  constructor(
    readonly network: Network,
    private readonly options: ClusterOptions,
    readonly wallClocks = new WallClocks(0, 0),
  ) {
    const { world } = network
    this.#keepers = new KeeperFinder(this)
    this.#logger = pino(
      { level: world.trace ? 'debug' : 'warn', base: null, timestamp: false },
      {
        write: (line: string) => {
          if (line.includes(MENDING) || line.includes(DIFFERS)) this.copiesDiffered(line.trimEnd())
          world.log(line.trimEnd())
        },
      },
    )
    this.masters = new SimMasters({
      count: options.masters,
      cluster: CLUSTER,
      slotCount: options.slotCount,
      logger: this.#logger,
      newProcess: (machine) => this.#process('master', machine),
    })
  }

  /** A new process; at the address of one that is gone, or at one of its own. */
  startServer(machine: string, address: Address = { host: machine, port: this.#nextPort++ }): SimServer {
    const { slotCount, budgets, zones } = this.options
    const budgetBytes = byMachine(machine, budgets)
    const process = this.#process('server', machine)
    const server = { process, address, running: undefined, isLeaving: false } as unknown as SimServer
    process.turn('starts', () => {
      const starting = new CacheServer(process.runtime, {
        address,
        cluster: CLUSTER,
        masters: this.masters.addresses,
        advertised: {
          host: address.host,
          respPort: 0,
          zone: byMachine(machine, zones),
          weight: 1,
          maxMemoryBytes: budgetBytes,
          machine,
        },
        budgetBytes,
        slotCount,
        memory: NO_MEMORY,
        logger: this.#logger,
        begun: (incarnation) => {
          server.incarnation = incarnation
          this.incarnationBegan(server)
        },
      }).start()
      void starting.then((running) => {
        server.running = running
        void running.closed.then(() => process.kill())
      })
    })
    this.#servers.push(server)
    return server
  }

  /** Resolves when the client has a topology. */
  async startClient(timeoutMs: number): Promise<SimClient> {
    const process = this.#process('client', `client-${this.#nextName}`)
    const client = await new Promise<Client>((resolve, reject) =>
      process.turn('starts', () => {
        const masters = this.masters.addresses.map(formatAddress)
        const options = { masters, cluster: CLUSTER, timeoutMs, connectTimeoutMs: 600_000 }
        connectOn(process.runtime, options, this.options.slotCount).then(resolve, reject)
      }),
    )
    const started = { process, client }
    this.clients.push(started)
    this.clientStarted(started)
    return started
  }

  killClient(client: SimClient): void {
    this.clients.splice(this.clients.indexOf(client), 1)
    client.process.kill()
    this.clientDied(client)
  }

  /** Those whose process is alive, stopped ones included. */
  get servers(): readonly SimServer[] {
    if (this.#servers.some(({ process }) => !process.isAlive))
      this.#servers = this.#servers.filter(({ process }) => process.isAlive)
    return this.#servers
  }

  /** All that live, of whatever kind. */
  get processes(): readonly VirtualProcess[] {
    return (this.#processes = this.#processes.filter(({ isAlive }) => isAlive))
  }

  /** What is in effect by the active master's word. */
  get topology(): Topology | undefined {
    return this.masters.topology
  }

  /** The living server of each seat. */
  seats(topology: Topology): (SimServer | undefined)[] {
    const byId = new Map(this.servers.map((server) => [server.incarnation?.id, server]))
    return topology.servers.map((info) => info && byId.get(info.id))
  }

  /** Whether every slot has complete copies on two machines, both of them with a living process; also by what is decided. */
  get isDoubled(): boolean {
    const topology = this.#lasting
    if (!topology) return false
    const seats = this.seats(topology)
    for (let slot = 0; slot < topology.primary.length; slot++) {
      const [first, second] = [topology.primary[slot]!, topology.backup[slot]!]
      const machine = first === NONE ? undefined : seats[first]?.process.machine
      const other = second === NONE ? undefined : seats[second]?.process.machine
      if (machine === undefined || other === undefined || machine === other) return false
    }
    return true
  }

  /** Whether every slot has a complete copy on another machine, with a living process; also by what is decided. */
  isWholeWithout(machine: string): boolean {
    const topology = this.#lasting
    if (!topology) return false
    const seats = this.seats(topology)
    const isElsewhere = (seat: number): boolean =>
      seat !== NONE && (seats[seat]?.process.machine ?? machine) !== machine
    return topology.primary.every((seat, slot) => isElsewhere(seat) || isElsewhere(topology.backup[slot]!))
  }

  /** Whether the active master hears of every member: nobody's connection is broken, nor its heartbeats late. */
  get isHeardOf(): boolean {
    const { process, node } = this.masters.acting
    const snapshot = node?.core?.snapshot(process.now())
    return snapshot !== undefined && !snapshot.servers.some(({ isQuiet }) => isQuiet)
  }

  /** The machine with the only copies that are promised, though others may still be there: those of a server that has said so. */
  get keepingMachine(): string | undefined {
    return this.#keepers.find()?.process.machine
  }

  /** What is in effect, unless the master has decided on something else. */
  get #lasting(): Topology | undefined {
    return this.masters.decisions.isBehind ? undefined : this.topology
  }

  #process(kind: string, machine: string): VirtualProcess {
    const { random } = this.network.world
    const process = new VirtualProcess(this.network, {
      name: `${kind} ${this.#nextName++}`,
      machine,
      rate: random.between(SLOWEST_CLOCK, FASTEST_CLOCK),
      offsetMs: random.between(0, 1e6),
      wallOffsetMs: this.wallClocks.error(),
    })
    this.#processes.push(process)
    return process
  }
}
