import { IcfError, MessageType, type Message, type Timing } from '@icf/common'
import { StagingBudget, type Address, type Introduction, type Link } from '@icf/common/node'
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { CacheServerCore } from '../core/cache-server-core.js'
import { ClientLinks } from './client-links.js'
import { MasterLink } from './master-link.js'
import { HeapGrowth } from './memory.js'
import { PeerLinks } from './peer-links.js'
import { probe } from './probe.js'

/** Expired and dropped entries are freed this often, in ms, and in one go while there are more. */
const WORK_INTERVAL_MS = 25

const RESIDENT_INTERVAL_MS = 1000

/** Share of the budget for long values that clients are sending; at least one of the largest fits. */
const CLIENT_VALUES_SHARE = 1 / 8

export interface IncarnationOptions {
  readonly cluster: string
  readonly masters: readonly Address[]
  /** What HELLO to the master says of this server: host, port, respPort, zone, weight, maxMemoryBytes. */
  readonly registration: readonly unknown[]
  /** What it dies with. */
  readonly machine: string
  /** Budget of all entries, primaries and backups, in bytes. */
  readonly budgetBytes: number
  readonly logger: Logger
  /** The process has been a member before. */
  readonly isRejoining: boolean
  /** Declared dead: this incarnation is over and a new one must begin. */
  fenced(): void
  /** Handed everything over: the process may end. */
  released(): void
  /** What is at the master's address will not have this server, which never was a member. */
  refused(error: IcfError): void
}

/** One membership of this process, from its random id to its end: the core with its links and timers. */
export class Incarnation {
  readonly id = randomBytes(20).toString('hex')
  readonly #core: CacheServerCore
  readonly #options: IncarnationOptions
  readonly #master: MasterLink
  readonly #peers: PeerLinks
  readonly #clients: ClientLinks
  /** What clients send waits for its turn; what other servers send was let in by them, and can not wait for it here. */
  readonly #clientValues: StagingBudget
  readonly #peerValues: StagingBudget
  readonly #links = new Set<Link>()
  readonly #heapGrowth = new HeapGrowth()
  #resident = { at: -Infinity, bytes: 0 }
  readonly #workTimer: NodeJS.Timeout
  #heartbeatTimer: NodeJS.Timeout | undefined
  #stopped = false
  /** What the logger was told since the master was last there. */
  readonly #complaints = new Set<string>()

  constructor(options: IncarnationOptions) {
    this.#options = options
    const toMaster = (message: Message): void => this.#master.send(message)
    this.#core = new CacheServerCore({
      id: this.id,
      budgetBytes: options.budgetBytes,
      toMaster,
      // After all that this turn of the event loop reads from its sockets.
      flushSoon: () => setImmediate(this.#flush),
    })
    this.#clients = new ClientLinks(this.#core)
    const reserve = (): void =>
      this.#core.reserve(this.#clientValues.receivedBytes + this.#peerValues.receivedBytes)
    const { maxValueBytes } = this.#core.runner
    const clientBytes = Math.max(maxValueBytes, options.budgetBytes * CLIENT_VALUES_SHARE)
    this.#clientValues = new StagingBudget(clientBytes, reserve)
    this.#peerValues = new StagingBudget(Infinity, reserve)
    this.#peers = new PeerLinks(this.#core, options.cluster, toMaster, () => this.#followTopology())
    this.#master = new MasterLink({
      masters: options.masters,
      introduce: () => this.#introduce([...options.registration, ...this.#version(), options.machine]),
      connected: (timing) => this.#masterConnected(timing),
      lost: () => this.#masterLost(),
      provenGone: (at) => this.#core.masterProvenGone(at, performance.now()),
      refused: (error) => this.#refused(error),
      failed: (error) => this.#complain(error),
      message: (message) => this.#masterMessage(message),
    })
    this.#workTimer = setInterval(() => this.#work(), WORK_INTERVAL_MS)
  }

  get isMember(): boolean {
    return this.#core.isMember
  }

  /** What WELCOME says to an opener. */
  welcome(): Introduction {
    return this.#introduce([])
  }

  /** Memory for the long values of an opener; undefined: it sends none. */
  stagingFor({ role }: Introduction): StagingBudget | undefined {
    if (role === 'client') return this.#clientValues
    return role === 'cache-server' ? this.#peerValues : undefined
  }

  /** A link that another process opened. */
  accept(link: Link): void {
    const { role, id } = link.remote
    if (role === 'client') this.#clients.open(link)
    else if (role === 'cache-server') this.#acceptPrimary(link, id)
    else link.handlers = { message: () => link.close(), close: () => undefined }
    this.#links.add(link)
  }

  linkClosed(link: Link): void {
    this.#links.delete(link)
  }

  /** Asks the master to take everything off this server. */
  leave(): void {
    this.#core.leave()
    this.#heartbeat()
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#workTimer)
    clearInterval(this.#heartbeatTimer)
    this.#peers.stop()
    this.#master.stop()
    for (const link of this.#links) link.terminate()
  }

  #acceptPrimary(link: Link, id: string): void {
    this.#core.primaryConnected(id, link.remote.details[0], link)
    link.handlers = {
      message: (message) => {
        this.#core.primaryMessage(id, link, message, performance.now())
        this.#followTopology()
      },
      close: () => this.#core.primaryLost(id, link),
    }
  }

  #masterConnected(timing: Timing): void {
    this.#core.leaseMs = timing.leaseMs
    this.#complaints.clear()
    this.#options.logger.info({ id: this.id }, 'connected to the master')
    clearInterval(this.#heartbeatTimer)
    this.#heartbeatTimer = setInterval(() => this.#heartbeat(), timing.heartbeatIntervalMs)
    this.#core.masterConnected()
    this.#heartbeat()
  }

  #masterLost(): void {
    if (this.#stopped) return
    this.#core.masterLost(performance.now())
    this.#options.logger.warn('lost the master; going on with the last topology')
  }

  #masterMessage(message: Message): void {
    if (this.#stopped) return
    if (message[0] === MessageType.RELEASED) return this.#options.released()
    if (message[0] === MessageType.PROBE) return this.#probe(message)
    this.#core.masterMessage(message, performance.now())
    this.#followTopology()
  }

  #probe([, number, id, host, port]: Message): void {
    if (typeof id !== 'string' || typeof host !== 'string' || typeof port !== 'number')
      throw new IcfError('PROTOCOL', 'malformed PROBE')
    void probe(id, { host, port }, this.#options.cluster).then((outcome) =>
      this.#master.send([MessageType.PROBE_RESULT, number, outcome]),
    )
  }

  /** Whoever is at the master's address now: only the master itself can say that a member's data is worth nothing. */
  #refused(error: IcfError): void {
    if (this.#stopped) return
    if (error.code === 'FENCED') this.#options.fenced()
    else if (this.isMember || this.#options.isRejoining) this.#complain(error)
    else this.#options.refused(error)
  }

  #complain(error: IcfError): void {
    if (this.#complaints.has(error.code)) return
    this.#complaints.add(error.code)
    this.#options.logger.warn(`${error.message}; trying again until the master answers`)
  }

  #followTopology(): void {
    if (this.#stopped) return
    if (this.#core.fenced) this.#options.fenced()
    else this.#peers.follow(this.#core.slots.topology)
  }

  #heartbeat(): void {
    if (!this.#stopped) this.#core.heartbeat([this.#residentBytes()], performance.now())
  }

  /** Read seldom: it takes the system about a millisecond. */
  #residentBytes(): number {
    const now = performance.now()
    if (now - this.#resident.at >= RESIDENT_INTERVAL_MS)
      this.#resident = { at: now, bytes: process.memoryUsage.rss() }
    return this.#resident.bytes
  }

  /** After every input, and so after each that may have brought backups forward, or made them fewer. */
  readonly #flush = (): void => {
    this.#core.flush(performance.now())
    this.#clients.backupsAdvanced()
  }

  readonly #work = (): void => {
    if (this.#stopped) return
    this.#heapGrowth.follow(this.#core.store.fill)
    if (this.#core.work(performance.now())) setImmediate(this.#work)
  }

  /** Epoch and version of the topology that it follows: a master must know it. */
  #version(): [number, number] {
    const { epoch, version } = this.#core.slots.topology
    return [epoch, version]
  }

  #introduce(details: readonly unknown[]): Introduction {
    return { role: 'cache-server', cluster: this.#options.cluster, id: this.id, details }
  }
}
