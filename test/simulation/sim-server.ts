import {
  defaultTiming,
  errorFromWire,
  MessageType,
  type Message,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import { CacheServerCore } from '@icf/cache-server/core'
import { VirtualProcess, type End, type Network, type VirtualHello } from './network.js'
import { isFenced, judge, MASTER_ADDRESS } from './sim-master.js'
import type { World } from './world.js'

const WORK_INTERVAL_MS = 25
const REDIAL_MS = 40

/** The real core of a cache server, joined to the virtual network as its shell joins it to the real one. */
export class SimServer {
  readonly process: VirtualProcess
  /** Changes when this server was declared dead and joined anew. */
  core!: CacheServerCore
  isLeaving = false
  isReleased = false
  #masterEnd: End | undefined
  #peers = new Map<string, { end: End | undefined }>()
  #topology: Topology | undefined
  #servers: Topology['servers'] | undefined
  readonly #accepted = new Set<End>()
  readonly #replaceClient = new Map<string, () => void>()

  constructor(
    private readonly world: World,
    private readonly network: Network,
    readonly port: number,
    private readonly observer: { topologyAdopted(server: SimServer): void },
  ) {
    this.process = new VirtualProcess(world, `server ${port}`)
    network.listen(this.address, {
      process: this.process,
      accept: () => ({
        role: 'cache-server',
        id: this.core.id,
        details: [],
      }),
      opened: (end, hello) => this.#opened(end, hello),
    })
    this.#begin()
    this.process.every(defaultTiming.heartbeatIntervalMs, () => this.#heartbeat())
    this.process.every(WORK_INTERVAL_MS, () => this.core.work(world.now))
  }

  get address(): string {
    return `host:${this.port}`
  }

  get isServing(): boolean {
    return this.process.isAlive && !this.isReleased
  }

  leave(): void {
    this.isLeaving = true
    this.process.run(() => this.#heartbeat())
  }

  #heartbeat(): void {
    if (this.isLeaving) this.core.leave()
    this.core.heartbeat([0], this.world.now)
  }

  #begin(): void {
    const core = new CacheServerCore({
      id: this.world.random.hex(40),
      budgetBytes: 64 * 1024 * 1024,
      toMaster: (message) => {
        if (this.core === core) this.#masterEnd?.send(message)
      },
      flushSoon: () =>
        this.process.run(() => this.world.after(0, () => this.process.run(() => core.flush(this.world.now)))),
    })
    core.leaseMs = defaultTiming.leaseMs
    this.core = core
    this.world.log(`${this.process.name}: begins as ${core.id.slice(0, 6)}`)
    this.#dialMaster()
  }

  /** Declared dead: everything that belonged to that incarnation ends. */
  #rejoin(): void {
    this.world.log(`${this.process.name}: was declared dead`)
    for (const { end } of this.#peers.values()) end?.close()
    this.#peers = new Map()
    this.#topology = undefined
    this.#servers = undefined
    for (const end of this.#accepted) end.close()
    this.#accepted.clear()
    this.#masterEnd?.close()
    this.#masterEnd = undefined
    this.#begin()
  }

  #dialMaster(): void {
    const { core, world } = this
    const startedAt = world.now
    const { epoch, version } = core.slots.topology
    const hello: VirtualHello = {
      role: 'cache-server',
      id: core.id,
      details: ['host', this.port, 0, '', 1, 64 * 1024 * 1024, epoch, version],
    }
    this.network.dial(this.process, MASTER_ADDRESS, hello, 1000, (result) => {
      if (this.core !== core || this.isReleased) {
        if (result.kind === 'open') result.end.close()
        return
      }
      if (result.kind === 'open') return this.#masterOpened(result.end)
      if (result.kind === 'refused') core.masterProvenGone(startedAt, world.now)
      if (result.kind === 'rejected' && isFenced(result.error)) return this.#rejoin()
      world.after(REDIAL_MS, () => this.process.run(() => this.core === core && this.#dialMaster()))
    })
  }

  #masterOpened(end: End): void {
    const { core } = this
    this.#masterEnd = end
    core.masterConnected()
    this.#heartbeat()
    end.setHandlers({
      message: (message) => {
        if (this.core === core) this.#masterMessage(message)
      },
      close: () => {
        if (this.#masterEnd === end) this.#masterEnd = undefined
        if (this.core === core && !this.isReleased) this.#dialMaster()
      },
    })
  }

  #masterMessage(message: Message): void {
    if (message[0] === MessageType.RELEASED) return this.#released()
    if (message[0] === MessageType.REFUSED) {
      if (errorFromWire(message[1]) === 'FENCED') this.#rejoin()
      return
    }
    if (message[0] === MessageType.PROBE) return this.#probe(message)
    this.core.masterMessage(message, this.world.now)
    this.#followTopology()
  }

  #released(): void {
    this.isReleased = true
    this.world.log(`${this.process.name}: released`)
    this.process.kill()
  }

  #probe([, number, id, host, port]: Message): void {
    const hello: VirtualHello = { role: 'probe', id: '', details: [] }
    this.network.dial(this.process, `${String(host)}:${String(port)}`, hello, 300, (result) =>
      this.#masterEnd?.send([MessageType.PROBE_RESULT, number, judge(result, String(id)).outcome]),
    )
  }

  #followTopology(): void {
    if (this.core.fenced) return this.#rejoin()
    const { topology } = this.core.slots
    if (topology === this.#topology) return
    this.#topology = topology
    this.observer.topologyAdopted(this)
    const { servers } = topology
    if (servers === this.#servers) return
    this.#servers = servers
    const ids = new Set(servers.map((server) => server?.id))
    for (const [id, peer] of this.#peers)
      if (!ids.has(id)) {
        this.#peers.delete(id)
        peer.end?.close()
      }
    for (const server of servers)
      if (server && server.id !== this.core.id && !this.#peers.has(server.id)) {
        const peer = { end: undefined }
        this.#peers.set(server.id, peer)
        this.#dialPeer(server, peer)
      }
  }

  #dialPeer(server: ServerInfo, peer: { end: End | undefined }): void {
    const { core, world } = this
    const isWanted = (): boolean => this.core === core && this.#peers.get(server.id) === peer
    const again = (): void =>
      world.after(REDIAL_MS, () => this.process.run(() => isWanted() && this.#dialPeer(server, peer)))
    const hello: VirtualHello = {
      role: 'cache-server',
      id: core.id,
      details: [core.channelIdTo(server.id)],
    }
    this.network.dial(this.process, `${server.host}:${server.port}`, hello, 1000, (result) => {
      if (!isWanted() || result.kind !== 'open' || result.welcome.id !== server.id) {
        if (result.kind === 'open') result.end.close()
        if (isWanted()) {
          this.#masterEnd?.send([MessageType.SUSPECT, server.id])
          again()
        }
        return
      }
      const { end } = result
      peer.end = end
      core.peerConnected(server.id, end)
      end.setHandlers({
        message: (message) => {
          if (!isWanted() || peer.end !== end) return
          core.peerMessage(server.id, end, message, world.now)
          this.#followTopology()
        },
        close: () => {
          if (!isWanted() || peer.end !== end) return
          peer.end = undefined
          core.peerLost(server.id)
          this.#masterEnd?.send([MessageType.SUSPECT, server.id])
          again()
        },
      })
    })
  }

  #opened(end: End, { role, id, details }: VirtualHello): void {
    const { core, world } = this
    this.#accepted.add(end)
    if (role === 'client') {
      const session = core.openClient(end, id)
      this.#replaceClient.get(id)?.()
      this.#replaceClient.set(id, () => {
        session.closed = true
        end.close()
      })
      end.setHandlers({
        message: (message) =>
          core === this.core && !session.closed && core.clientMessage(session, message, world.now),
        close: () => {
          session.closed = true
          this.#accepted.delete(end)
        },
      })
    } else if (role === 'cache-server') {
      core.primaryConnected(id, details[0], end)
      end.setHandlers({
        message: (message) => {
          if (core !== this.core) return
          core.primaryMessage(id, end, message, world.now)
          this.#followTopology()
        },
        close: () => {
          core.primaryLost(id, end)
          this.#accepted.delete(end)
        },
      })
    } else end.setHandlers({ message: () => undefined, close: () => this.#accepted.delete(end) })
  }
}
