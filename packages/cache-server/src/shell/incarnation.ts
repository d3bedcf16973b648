import { checkTiming, type IcfError, MessageType, type Message, type Timing } from '@icf/common'
import type { Address, Introduction, Link } from '@icf/common/node'
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

export interface IncarnationOptions {
  readonly cluster: string
  readonly masters: readonly Address[]
  /** What HELLO to the master says of this server: host, port, respPort, zone, weight, maxMemoryBytes. */
  readonly registration: readonly unknown[]
  /** Budget of all entries, primaries and backups, in bytes. */
  readonly budgetBytes: number
  readonly logger: Logger
  /** Declared dead: this incarnation is over and a new one must begin. */
  fenced(): void
  /** Handed everything over: the process may end. */
  released(): void
  /** The master refused this server for good. */
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
  readonly #links = new Set<Link>()
  readonly #heapGrowth = new HeapGrowth()
  #resident = { at: -Infinity, bytes: 0 }
  readonly #workTimer: NodeJS.Timeout
  #heartbeatTimer: NodeJS.Timeout | undefined
  #timing: Timing | undefined
  #stopped = false
  #complained = false

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
    this.#peers = new PeerLinks(this.#core, options.cluster, toMaster, () => this.#advanced())
    this.#master = new MasterLink({
      masters: options.masters,
      introduce: () => this.#introduce(options.registration),
      connected: (details) => this.#masterConnected(details),
      lost: () => options.logger.warn('lost the master; going on with the last topology'),
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
  welcome(hello: Introduction): Introduction {
    return this.#introduce(hello.role === 'cache-server' ? [this.#core.lastStoredFrom(hello.id)] : [])
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
    this.#core.primaryConnected(id, link)
    link.handlers = {
      message: (message) => {
        this.#core.primaryMessage(id, link, message, performance.now())
        this.#followTopology()
      },
      close: () => this.#core.primaryLost(id, link),
    }
  }

  #masterConnected(details: readonly unknown[]): void {
    const [heartbeatIntervalMs, leaseMs, deadAfterMs] = details as number[]
    this.#timing = checkTiming({
      heartbeatIntervalMs: heartbeatIntervalMs!,
      leaseMs: leaseMs!,
      deadAfterMs: deadAfterMs!,
    })
    this.#core.leaseMs = this.#timing.leaseMs
    this.#complained = false
    this.#options.logger.info({ id: this.id }, 'connected to the master')
    clearInterval(this.#heartbeatTimer)
    this.#heartbeatTimer = setInterval(() => this.#heartbeat(), this.#timing.heartbeatIntervalMs)
    this.#core.masterConnected()
    this.#heartbeat()
  }

  #masterMessage(message: Message): void {
    if (message[0] === MessageType.RELEASED) return this.#options.released()
    if (message[0] === MessageType.PROBE) return void this.#probe(message)
    this.#core.masterMessage(message, performance.now())
    this.#followTopology()
  }

  async #probe([, number, id, host, port]: Message): Promise<void> {
    const outcome = await probe(String(id), { host: String(host), port: Number(port) }, this.#options.cluster)
    this.#master.send([MessageType.PROBE_RESULT, number, outcome])
  }

  #refused(error: IcfError): void {
    if (this.#stopped) return
    if (error.code === 'FENCED') this.#options.fenced()
    else this.#options.refused(error)
  }

  #complain(error: IcfError): void {
    if (!this.#complained) this.#options.logger.warn(`${error.message}; trying again until it answers`)
    this.#complained = true
  }

  #advanced(): void {
    this.#clients.backupsAdvanced()
    this.#followTopology()
  }

  #followTopology(): void {
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

  readonly #flush = (): void => this.#core.flush(performance.now())

  readonly #work = (): void => {
    if (this.#stopped) return
    this.#heapGrowth.follow(this.#core.store.fill)
    if (this.#core.work(performance.now())) setImmediate(this.#work)
  }

  #introduce(details: readonly unknown[]): Introduction {
    return { role: 'cache-server', cluster: this.#options.cluster, id: this.id, details }
  }
}
