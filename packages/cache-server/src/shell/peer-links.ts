import {
  backupTakesAnyKey,
  canCompare,
  primaryDetails,
  suspectMessage,
  unreachableMessage,
  type Introduction,
  type Message,
  type Runtime,
  type ServerInfo,
  type Timer,
  type Topology,
} from '@icf/common'
import { Redialer, watchLiveness, type Link } from '@icf/common/node'
import type { CacheServerCore } from '../core/cache-server-core.js'
import { probe } from './probe.js'

/** Always: few dial a server at once, and it must soon be known who can not be reached. */
const DIAL_TIMEOUT_MS = 1000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 500

/** A server that could not be reached for so long, in so many attempts in a row, is said to be unreachable. */
const UNREACHABLE_AFTER_MS = 3000
const UNREACHABLE_ATTEMPTS = 3

/** How often it is looked whether a backup that owes an answer has answered meanwhile … */
const LOOK_INTERVAL_MS = 400
/** … and after so many probes in a row that end without a word it is said to be unreachable, too: writes wait for it. */
const UNREACHABLE_PROBES = 2

/** Links on which this server, as a primary, sends to its backups: one to every other server of the topology. */
export class PeerLinks {
  readonly #peers = new Map<string, PeerLink>()
  readonly #timer: Timer
  #servers: Topology['servers'] | undefined
  /** Ids of those that can not be reached, as the master was told. */
  #unreachable: readonly string[] = []

  constructor(
    private readonly runtime: Runtime,
    private readonly core: CacheServerCore,
    private readonly cluster: string,
    private readonly toMaster: (message: Message) => void,
  ) {
    this.#timer = runtime.setInterval(() => {
      for (const peer of this.#peers.values()) peer.look()
      this.#compare()
    }, LOOK_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Opens and closes links after the servers of the topology. */
  follow(topology: Topology): void {
    if (this.#servers === topology.servers) return
    this.#servers = topology.servers
    const wanted = new Map<string, ServerInfo>()
    for (const server of topology.servers)
      if (server && server.id !== this.core.id) wanted.set(server.id, server)
    for (const [id, peer] of this.#peers)
      if (!wanted.has(id)) {
        peer.stop()
        this.#peers.delete(id)
      }
    for (const server of wanted.values())
      if (!this.#peers.has(server.id)) this.#peers.set(server.id, this.#connect(server))
    this.#compare()
  }

  /** What was said on another link, or in another term, may not have come: all is said again, also that there are none. */
  tellMaster(): void {
    this.toMaster(unreachableMessage(this.#unreachable))
  }

  stop(): void {
    this.runtime.clear(this.#timer)
    for (const peer of this.#peers.values()) peer.stop()
    this.#peers.clear()
  }

  #connect(server: ServerInfo): PeerLink {
    return new PeerLink(this.runtime, server, this.core, this.cluster, this.toMaster, () => this.#compare())
  }

  #compare(): void {
    const ids = [...this.#peers].filter(([, peer]) => peer.isUnreachable).map(([id]) => id)
    if (ids.join() === this.#unreachable.join()) return
    this.#unreachable = ids
    this.toMaster(unreachableMessage(ids))
  }
}

/** The link to one other server, for as long as it is wanted. */
class PeerLink {
  readonly #redialer: Redialer
  #link: Link | undefined
  #stopped = false
  /** When it was last reached, or first tried, by the runtime's clock. */
  #reachedAt: number
  #failedAttempts = 0
  /** The oldest batch that the peer had not answered at the last look. */
  #owed: number | undefined
  #silentProbes = 0

  constructor(
    private readonly runtime: Runtime,
    private readonly server: ServerInfo,
    private readonly core: CacheServerCore,
    private readonly cluster: string,
    private readonly toMaster: (message: Message) => void,
    private readonly tried: () => void,
  ) {
    this.#reachedAt = runtime.now()
    this.#redialer = new Redialer(runtime, {
      address: server,
      introduce: () => this.#introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      maxTimeoutMs: DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      failed: () => {
        this.#failedAttempts++
        this.#suspect()
        this.tried()
      },
      opened: (link) => this.#opened(link),
    })
  }

  /** Time alone proves nothing: this process may have stood still. */
  get isUnreachable(): boolean {
    if (this.#silentProbes >= UNREACHABLE_PROBES) return true
    return (
      this.#failedAttempts >= UNREACHABLE_ATTEMPTS &&
      this.runtime.now() - this.#reachedAt >= UNREACHABLE_AFTER_MS
    )
  }

  /**
   * Nobody tells that nothing comes any more over an open link, and an answer may stand behind much else: if one does not come,
   * whoever listens there is asked beside the link.
   */
  look(): void {
    if (!this.#link) return
    const owed = this.core.owedBy(this.server.id)
    const isStuck = owed !== undefined && owed === this.#owed
    this.#owed = owed
    if (isStuck) void this.#probe(this.#link)
    else this.#silentProbes = 0
  }

  async #probe(link: Link): Promise<void> {
    const outcome = await probe(this.runtime, this.server.id, this.server, this.cluster)
    if (this.#stopped || link !== this.#link) return
    this.#silentProbes = outcome === 'unknown' ? this.#silentProbes + 1 : 0
    this.tried()
  }

  /** An open link would keep everything of this incarnation in memory, and the other end waiting for it. */
  stop(): void {
    this.#stopped = true
    this.#redialer.stop()
    this.#link?.terminate()
  }

  #introduce(): Introduction {
    const { core, cluster, server } = this
    return {
      role: 'cache-server',
      cluster,
      id: core.id,
      details: primaryDetails(core.channelIdTo(server.id), server.id),
    }
  }

  #opened(link: Link): void {
    const { core, server } = this
    this.#link = link
    link.handlers = {
      message: (message) => {
        if (!this.#stopped) core.peerMessage(server.id, link, message, this.runtime.now())
      },
      data: (frame) => {
        if (!this.#stopped) core.peerData(server.id, link, frame, this.runtime.now())
      },
      close: () => {
        this.#link = undefined
        this.#reachedAt = this.runtime.now()
        if (this.#stopped) return
        core.peerLost(server.id)
        this.#suspect()
        this.#redialer.lost()
      },
    }
    // Another process listens there now; the master finds out by the suspicion.
    if (link.remote.id !== server.id) return link.terminate()
    this.#failedAttempts = 0
    this.#silentProbes = 0
    this.#owed = undefined
    watchLiveness(this.runtime, link)
    core.peerConnected(server.id, link, canCompare(link.remote), backupTakesAnyKey(link.remote))
    this.tried()
  }

  #suspect(): void {
    this.toMaster(suspectMessage(this.server.id))
  }
}
