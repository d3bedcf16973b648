import {
  answerMessage,
  IcfError,
  isQuestion,
  meantServer,
  MessageType,
  probeResultMessage,
  primaryTakesAnyKey,
  readChannel,
  readProbe,
  readQuestion,
  registrationDetails,
  serverDetails,
  type Introduction,
  type Message,
  type Runtime,
  type Timer,
  type Timing,
} from '@icf/common'
import { StagingBudget, type Address, type Link } from '@icf/common/node'
import type { Logger } from 'pino'
import { CacheServerCore, type Ending } from '../core/cache-server-core.js'
import { Voter } from '../core/voter.js'
import { ClientLinks } from './client-links.js'
import { Heartbeat } from './heartbeat.js'
import { MasterLinks } from './master-links.js'
import type { ProcessMemory } from './memory.js'
import { AuditLog } from './audit-log.js'
import { MendLog } from './mend-log.js'
import { PeerLinks } from './peer-links.js'
import { probe } from './probe.js'

/** So long after something came to be done, in ms, and with each heartbeat, expired and dropped entries are freed, in one go while there are more. */
const WORK_DELAY_MS = 25

/** Share of the budget for long values that clients are sending; at least one of the largest fits. */
const CLIENT_VALUES_SHARE = 1 / 8

/** What the master tells others of this server, beside its port. */
interface Advertised {
  readonly host: string
  readonly respPort: number
  readonly zone: string
  readonly weight: number
  readonly maxMemoryBytes: number
  /** What it dies with. */
  readonly machine: string
}

export interface IncarnationOptions {
  readonly cluster: string
  readonly masters: readonly Address[]
  /** Where this server listens. */
  readonly port: number
  readonly advertised: Advertised
  /** Budget of all entries, primaries and backups, in bytes. */
  readonly budgetBytes: number
  /** Of the cluster; default SLOT_COUNT. */
  readonly slotCount?: number
  readonly memory: ProcessMemory
  readonly logger: Logger
  /** The process has been a member before. */
  readonly isRejoining: boolean
  /** Declared dead: this incarnation is over and a new one must begin. */
  fenced(): void
  /** Handed everything over: the process may end. */
  released(): void
  /** What is at the masters' addresses will not have this server, which never was a member. */
  refused(error: IcfError): void
}

/** One membership of this process, from its random id to its end: the core with its links and timers. */
export class Incarnation {
  readonly id: string
  readonly core: CacheServerCore
  readonly #options: IncarnationOptions
  readonly #masters: MasterLinks
  readonly #voter = new Voter()
  readonly #peers: PeerLinks
  readonly #clients: ClientLinks
  /** What clients send waits for its turn; what other servers send was let in by them, and can not wait for it here. */
  readonly #clientValues: StagingBudget
  readonly #peerValues: StagingBudget
  readonly #links = new Set<Link>()
  /** By the id of the server that opened it. */
  readonly #primaries = new Map<string, Link>()
  readonly #runtime: Runtime
  readonly #now: () => number
  #workTimer: Timer | undefined
  readonly #heartbeats: Heartbeat
  #stopped = false

  constructor(runtime: Runtime, options: IncarnationOptions) {
    this.#options = options
    this.#runtime = runtime
    this.#now = () => runtime.now()
    this.id = runtime.newId()
    const toMaster = (message: Message): void => this.#masters.send(message)
    const mendLog = new MendLog(runtime, options.logger)
    const auditLog = new AuditLog(runtime, options.logger)
    this.core = new CacheServerCore({
      clock: runtime,
      id: this.id,
      budgetBytes: options.budgetBytes,
      ...(options.slotCount !== undefined && { slotCount: options.slotCount }),
      toMaster,
      // After all that this turn of the event loop reads from its sockets.
      flushSoon: () => runtime.setImmediate(this.#flush),
      followed: (topology) => {
        this.#peers.follow(topology)
        this.#masters.follow(topology.masters)
      },
      termBegan: () => this.#peers.tellMaster(),
      reconnect: (serverId) => this.#primaries.get(serverId)?.terminate(),
      mending: (serverId, slots) => mendLog.mending(serverId, slots),
      differs: (serverId, slot, differences) => auditLog.differs(serverId, slot, differences),
      ended: (why) => this.#ended(why),
    })
    this.#heartbeats = new Heartbeat(runtime, () => this.#heartbeat())
    this.#clients = new ClientLinks(runtime, this.core)
    const reserve = (): void =>
      this.core.reserve(this.#clientValues.receivedBytes + this.#peerValues.receivedBytes)
    const { maxValueBytes } = this.core.runner
    const clientBytes = Math.max(maxValueBytes, options.budgetBytes * CLIENT_VALUES_SHARE)
    this.#clientValues = new StagingBudget(clientBytes, reserve)
    this.#peerValues = new StagingBudget(Infinity, reserve)
    this.#peers = new PeerLinks(runtime, this.core, options.cluster, toMaster)
    this.#masters = new MasterLinks(runtime, {
      masters: options.masters,
      introduce: () => this.#introduce(this.#registration()),
      connected: (where, timing) => this.#masterConnected(where, timing),
      lost: (where) => this.#masterLost(where),
      gone: (masterId) => this.#voter.gone(masterId),
      allGone: (at) => this.core.masterProvenGone(at, runtime.now()),
      failed: (_where, error, isNews) => this.#masterFailed(error, isNews),
      message: (message, link) => this.#masterMessage(message, link),
    })
  }

  get isMember(): boolean {
    return this.core.isMember
  }

  /** What WELCOME says to an opener. */
  welcome(): Introduction {
    return this.#introduce(serverDetails)
  }

  /** Memory for the long values of an opener; undefined: it sends none. */
  stagingFor({ role }: Introduction): StagingBudget | undefined {
    if (role === 'client') return this.#clientValues
    return role === 'cache-server' ? this.#peerValues : undefined
  }

  /**
   * Whoever looks for a server that was here before must not be taken for one that knows this one: its link would replace
   * the one that it has here.
   * @throws IcfError UNKNOWN_SERVER
   */
  admit(hello: Introduction): void {
    const wanted = meantServer(hello)
    if (wanted === undefined || wanted === this.id) return
    throw new IcfError(
      'UNKNOWN_SERVER',
      `this is server ${this.id.slice(0, 8)}: the one that you look for is gone`,
    )
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

  /** Asks the masters to take everything off this server. */
  leave(): void {
    this.core.leave()
    this.#heartbeat()
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#runtime.clear(this.#workTimer)
    this.#heartbeats.stop()
    this.#peers.stop()
    this.#masters.stop()
    for (const link of this.#links) link.terminate()
  }

  #acceptPrimary(link: Link, id: string): void {
    this.core.primaryConnected(id, readChannel(link.remote), link, primaryTakesAnyKey(link.remote))
    this.#replace(id, link)
    link.handlers = {
      message: (message) => this.core.primaryMessage(id, link, message, this.#runtime.now()),
      data: (frame) => this.core.primaryData(id, link, frame, this.#runtime.now()),
      close: () => {
        this.core.primaryLost(id, link)
        if (this.#primaries.get(id) === link) this.#primaries.delete(id)
      },
    }
  }

  /** What a primary sends on an older link is not listened to any more: that must not look open to it. */
  #replace(id: string, link: Link): void {
    const older = this.#primaries.get(id)
    this.#primaries.set(id, link)
    older?.terminate()
  }

  #masterConnected(where: string, timing: Timing): void {
    this.#options.logger.info({ id: this.id, master: where }, 'connected to a master')
    this.#voter.learn(timing)
    this.core.masterConnected(timing.leaseMs)
    this.#peers.tellMaster()
    this.#heartbeats.start(timing.heartbeatIntervalMs)
  }

  #masterLost(where: string): void {
    if (this.#stopped) return
    const isAnyLeft = this.#masters.openCount > 0
    if (!isAnyLeft) this.core.masterLost()
    const text = isAnyLeft ? 'lost a master' : 'lost the last master; going on with the last topology'
    this.#options.logger.warn({ master: where }, text)
  }

  /** Whoever is at a master's address now: only a master itself can say that a member's data is worth nothing. */
  #masterFailed(error: IcfError, isNews: boolean): void {
    if (this.#stopped) return
    if (error.code === 'FENCED') return this.#options.fenced()
    const { refusal } = this.#masters
    if (refusal && !this.isMember && !this.#options.isRejoining) return this.#options.refused(refusal)
    if (isNews) this.#options.logger.warn(`${error.message}; trying again until a master answers`)
  }

  #masterMessage(message: Message, link: Link): void {
    if (this.#stopped) return
    if (message[0] === MessageType.PROBE) this.#probe(message, link)
    else if (isQuestion(message)) this.#vote(message, link)
    else this.#obey(message, link)
  }

  #obey(message: Message, link: Link): void {
    const wasMember = this.isMember
    this.core.masterMessage(link, message, this.#runtime.now())
    // Calls may be waiting for its first lease already.
    if (!wasMember && this.isMember) this.#heartbeat()
  }

  #vote(message: Message, link: Link): void {
    const question = readQuestion(message)
    const answer = this.#voter.answer(this.#runtime.now(), question, link.remote.id)
    link.send(answerMessage(answer))
    if (question.type === 'beat') this.#heartbeats.along()
  }

  #probe(message: Message, asker: Link): void {
    const { number, serverId, address } = readProbe(message)
    void probe(this.#runtime, serverId, address, this.#options.cluster).then((outcome) =>
      asker.send(probeResultMessage(number, outcome)),
    )
  }

  #ended(why: Ending): void {
    if (this.#stopped) return
    if (why === 'fenced') this.#options.fenced()
    else this.#options.released()
  }

  #heartbeat(): void {
    if (this.#stopped) return
    this.core.heartbeat(this.#options.memory.residentBytes(), this.#runtime.now())
    if (!this.#workTimer) this.#work()
  }

  /** After every input, and so after each that may have brought backups forward, or made them fewer. */
  readonly #flush = (): void => {
    if (this.#stopped) return
    this.core.flush(this.#now)
    this.#clients.backupsAdvanced()
    if (this.core.isBusy) this.#workTimer ??= this.#runtime.setTimeout(this.#workNow, WORK_DELAY_MS)
  }

  readonly #workNow = (): void => {
    this.#workTimer = undefined
    this.#work()
  }

  readonly #work = (): void => {
    if (this.#stopped) return
    this.#options.memory.follow(this.core.store.fill)
    if (this.core.work(this.#runtime.now())) this.#runtime.setImmediate(this.#work)
  }

  /** With the epoch and version of the topology that it follows: a master must know it. */
  #registration(): readonly unknown[] {
    const { port, advertised } = this.#options
    const { epoch, version } = this.core.slots.topology
    return registrationDetails({
      info: { ...advertised, port },
      maxMemoryBytes: advertised.maxMemoryBytes,
      epoch,
      version,
    })
  }

  #introduce(details: readonly unknown[]): Introduction {
    return { role: 'cache-server', cluster: this.#options.cluster, id: this.id, details }
  }
}
