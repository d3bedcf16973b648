import {
  emptyTopology,
  IcfError,
  presentServers,
  SLOT_COUNT,
  type Introduction,
  type Runtime,
  type ServerInfo,
  type Timer,
  type Topology,
} from '@icf/common'
import { formatAddress } from '@icf/common/node'
import { pace } from '../core/pace.js'
import type { Peer } from '../core/peer.js'
import { Router, type RouterShell } from '../core/router.js'
import { TopologySnapshot } from '../core/snapshot.js'
import type { Settings } from '../options.js'
import { AbortWatches } from './abort-watches.js'
import type { Emitter } from './emitter.js'
import { Flusher } from './flusher.js'
import { Masters, type MasterAddress } from './masters.js'
import { Servers } from './servers.js'

export interface ClientEvents {
  /** The client goes by a newer topology now. */
  topology: TopologySnapshot
  /** A cache server joined the cluster. */
  serverJoined: ServerInfo
  /** A cache server died or left. */
  serverLost: ServerInfo
  /** A connection to a master, active or standby, was made. */
  masterConnected: MasterAddress
  /** The connection to a master broke. Calls go on by the last topology. */
  masterLost: MasterAddress
  /** Something in the background that waiting may not cure, such as a process of another cluster. */
  error: IcfError
  close: undefined
}

/** With more servers than this, each is connected to when first needed. */
const EAGER_SERVERS = 32
const DIAL_TIMEOUT_MS = 2_000
const SUSPECT_AGAIN_MS = 1_000

/** Failures to connect that trying again will not change. */
const fatal = new Set(['WRONG_CLUSTER', 'WRONG_PROTOCOL_VERSION', 'INVALID_ARGUMENT'])

/** Everything that runs behind a client: the router, its links and its clockwork. */
export class Session {
  readonly router: Router
  readonly settings: Settings
  /** Of the cluster. */
  readonly slotCount: number
  readonly aborts = new AbortWatches((call, reason) => this.router.abort(call, reason))
  #snapshot: TopologySnapshot
  #isClosed = false
  readonly #runtime: Runtime
  readonly #events: Emitter<ClientEvents>
  readonly #masters: Masters
  readonly #servers: Servers
  #sweeper: Timer | undefined
  readonly #suspectedAtMs = new Map<string, number>()
  #closing: Promise<void> | undefined
  /** Why each master could not be reached, while there is no topology yet. */
  readonly #reasons = new Map<string, string>()
  #onFirstTopology: (() => void) | undefined
  #onFatal: ((error: IcfError) => void) | undefined

  /** @param slotCount other than SLOT_COUNT only in simulation: all processes of a cluster must have the same */
  constructor(runtime: Runtime, settings: Settings, events: Emitter<ClientEvents>, slotCount = SLOT_COUNT) {
    this.#runtime = runtime
    this.settings = settings
    this.slotCount = slotCount
    this.#events = events
    // A new id for each client: a server may tell by it that an older connection of this client is history.
    const self: Introduction = {
      role: 'client',
      cluster: settings.cluster,
      id: runtime.newId(),
      details: [],
    }
    const nothing = emptyTopology({ virtualNodes: 1, seed: 0 }, slotCount)
    this.#snapshot = new TopologySnapshot(nothing)
    this.#servers = new Servers(runtime, {
      self,
      router: () => this.router,
      suspect: (serverId) => this.#suspect(serverId),
      error: (error) => events.emit('error', error),
    })
    this.router = new Router(nothing, this.#routerShell(), {
      clock: runtime,
      random: () => runtime.random(),
      eagerServers: EAGER_SERVERS,
    })
    this.#masters = new Masters(runtime, {
      addresses: settings.masters,
      self,
      dialTimeoutMs: DIAL_TIMEOUT_MS,
      current: () => this.router.topology,
      topology: (topology) => this.#follow(topology),
      connected: (master) => {
        this.#reasons.set(master.address, 'connected, but it sent no topology: is a master active?')
        events.emit('masterConnected', master)
      },
      lost: (master) => events.emit('masterLost', master),
      failed: (master, error) => this.#masterFailed(master, error),
    })
  }

  get snapshot(): TopologySnapshot {
    return this.#snapshot
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Resolves when a master has sent a topology.
   * @throws IcfError UNREACHABLE with the reason for each address; WRONG_CLUSTER, WRONG_PROTOCOL_VERSION at once
   */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.setTimeout(
        () => reject(this.#unreachable()),
        this.settings.connectTimeoutMs,
      )
      this.#onFirstTopology = () => {
        this.#runtime.clear(timer)
        resolve()
      }
      this.#onFatal = (error) => {
        this.#runtime.clear(timer)
        reject(error)
      }
    })
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    this.#runtime.clear(this.#sweeper)
    this.router.close()
    await Promise.all([this.#masters.close(), this.#servers.close()])
    this.#events.emit('close', undefined)
  }

  #routerShell(): RouterShell {
    const flusher = new Flusher<Peer>(this.#runtime, (peer) => this.router.flush(peer))
    return {
      connect: (peer) => this.#servers.connect(peer),
      disconnect: (peer) => this.#servers.disconnect(peer),
      reconnect: (peer) => this.#servers.reconnect(peer),
      flushSoon: (peer) => flusher.request(peer, this.router.pendingCount <= 1),
      suspect: (serverId) => this.#suspect(serverId),
      askTopology: () => this.#masters.ask(),
      startSweeping: () => {
        this.#sweeper ??= this.#runtime.setInterval(() => this.#sweep(), pace.sweepMs)
      },
    }
  }

  #sweep(): void {
    if (this.router.sweep()) return
    this.#runtime.clear(this.#sweeper)
    this.#sweeper = undefined
  }

  #follow(topology: Topology): void {
    if (this.#isClosed) return
    const before = new Map(this.#snapshot.servers.map((server) => [server.id, server]))
    this.router.follow(topology)
    this.#snapshot = new TopologySnapshot(topology)
    const now = new Map(presentServers(topology).map((server) => [server.id, server]))
    for (const [id, server] of before) {
      if (now.has(id)) continue
      this.#suspectedAtMs.delete(id)
      this.#events.emit('serverLost', server)
    }
    for (const [id, server] of now) if (!before.has(id)) this.#events.emit('serverJoined', server)
    this.#events.emit('topology', this.#snapshot)
    this.#onFirstTopology?.()
  }

  /** Only a hint: one a second is enough, also when every attempt to reconnect is refused. */
  #suspect(serverId: string): void {
    const nowMs = this.#runtime.now()
    if (this.#isClosed || nowMs - (this.#suspectedAtMs.get(serverId) ?? -Infinity) < SUSPECT_AGAIN_MS) return
    this.#suspectedAtMs.set(serverId, nowMs)
    this.#masters.suspect(serverId)
  }

  #masterFailed(master: MasterAddress, error: IcfError): void {
    this.#reasons.set(master.address, error.message)
    if (fatal.has(error.code)) this.#onFatal?.(error)
    if (!error.retryable) this.#events.emit('error', error)
  }

  #unreachable(): IcfError {
    const masters = this.settings.masters.map((address) => {
      const where = formatAddress(address)
      return `${where} (${this.#reasons.get(where) ?? 'no answer yet'})`
    })
    return new IcfError(
      'UNREACHABLE',
      `no topology from a master of cluster "${this.settings.cluster}" within ${this.settings.connectTimeoutMs} ms: ${masters.join('; ')}`,
    )
  }
}
