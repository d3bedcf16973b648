import { IcfError, MessageType, type Message, type ServerInfo, type Topology } from '@icf/common'
import { Redialer, type Introduction } from '@icf/common/node'
import type { CacheServerCore } from '../core/cache-server-core.js'

const DIAL_TIMEOUT_MS = 1000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 500

/** Links on which this server, as a primary, sends to its backups: one to every other server of the topology. */
export class PeerLinks {
  readonly #redialers = new Map<string, Redialer>()
  #servers: Topology['servers'] | undefined

  constructor(
    private readonly core: CacheServerCore,
    private readonly cluster: string,
    private readonly toMaster: (message: Message) => void,
    private readonly received: () => void,
  ) {}

  /** Opens and closes links after the servers of the topology. */
  follow(topology: Topology): void {
    if (this.#servers === topology.servers) return
    this.#servers = topology.servers
    const wanted = new Map<string, ServerInfo>()
    for (const server of topology.servers)
      if (server && server.id !== this.core.id) wanted.set(server.id, server)
    for (const [id, redialer] of this.#redialers)
      if (!wanted.has(id)) {
        redialer.stop()
        this.#redialers.delete(id)
      }
    for (const server of wanted.values())
      if (!this.#redialers.has(server.id)) this.#redialers.set(server.id, this.#connect(server))
  }

  stop(): void {
    for (const redialer of this.#redialers.values()) redialer.stop()
    this.#redialers.clear()
  }

  #connect(server: ServerInfo): Redialer {
    const { core } = this
    const introduce = (): Introduction => ({
      role: 'cache-server',
      cluster: this.cluster,
      id: core.id,
      details: [core.acknowledgedBy(server.id)],
    })
    const redialer = new Redialer({
      address: () => server,
      introduce,
      timeoutMs: DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      failed: () => this.toMaster([MessageType.SUSPECT, server.id]),
      opened: (link) => {
        const lastStored = link.remote.details[0]
        link.handlers = {
          message: (message) => {
            core.peerMessage(server.id, link, message, performance.now())
            this.received()
          },
          close: () => {
            core.peerLost(server.id)
            this.toMaster([MessageType.SUSPECT, server.id])
            redialer.lost()
          },
        }
        // Another process listens there now; the master finds out by the suspicion.
        if (link.remote.id !== server.id) link.terminate()
        else if (typeof lastStored !== 'number')
          link.refuse(new IcfError('PROTOCOL', 'WELCOME without a batch number'))
        else core.peerConnected(server.id, link, lastStored)
      },
    })
    return redialer
  }
}
