import {
  primaryDetails,
  suspectMessage,
  type Introduction,
  type Message,
  type Runtime,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import { Redialer, watchLiveness, type Link } from '@icf/common/node'
import type { CacheServerCore } from '../core/cache-server-core.js'

const DIAL_TIMEOUT_MS = 1000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 500

/** Links on which this server, as a primary, sends to its backups: one to every other server of the topology. */
export class PeerLinks {
  readonly #peers = new Map<string, PeerLink>()
  #servers: Topology['servers'] | undefined

  constructor(
    private readonly runtime: Runtime,
    private readonly core: CacheServerCore,
    private readonly cluster: string,
    private readonly toMaster: (message: Message) => void,
  ) {}

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
  }

  stop(): void {
    for (const peer of this.#peers.values()) peer.stop()
    this.#peers.clear()
  }

  #connect(server: ServerInfo): PeerLink {
    return new PeerLink(this.runtime, server, this.core, this.cluster, this.toMaster)
  }
}

/** The link to one other server, for as long as it is wanted. */
class PeerLink {
  readonly #redialer: Redialer
  #link: Link | undefined
  #stopped = false

  constructor(
    private readonly runtime: Runtime,
    private readonly server: ServerInfo,
    private readonly core: CacheServerCore,
    private readonly cluster: string,
    private readonly toMaster: (message: Message) => void,
  ) {
    this.#redialer = new Redialer(runtime, {
      address: () => server,
      introduce: () => this.#introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      failed: () => this.#suspect(),
      opened: (link) => this.#opened(link),
    })
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
      close: () => {
        this.#link = undefined
        if (this.#stopped) return
        core.peerLost(server.id)
        this.#suspect()
        this.#redialer.lost()
      },
    }
    // Another process listens there now; the master finds out by the suspicion.
    if (link.remote.id !== server.id) return link.terminate()
    watchLiveness(this.runtime, link)
    core.peerConnected(server.id, link)
  }

  #suspect(): void {
    this.toMaster(suspectMessage(this.server.id))
  }
}
