import {
  compareVersions,
  IcfError,
  isTopologyUpdate,
  MessageType,
  readMasters,
  readRefusal,
  readTopologyUpdate,
  readUpdateVersion,
  suspectMessage,
  topologyRequest,
  type Introduction,
  type Message,
  type Runtime,
  type Topology,
} from '@icf/common'
import { MasterSet, watchLiveness, type Address, type Link } from '@icf/common/node'
import { Channel } from './channel.js'

export interface MasterAddress extends Address {
  /** `host:port` */
  readonly address: string
}

export interface MastersOptions {
  readonly addresses: readonly Address[]
  readonly self: Introduction
  readonly dialTimeoutMs: number
  /** Between two questions whether a master is there still. */
  readonly pingIntervalMs?: number
  /** What the client goes by now. */
  current(): Topology
  /** A newer one arrived. */
  topology(topology: Topology): void
  connected(master: MasterAddress): void
  lost(master: MasterAddress): void
  /** An attempt to reach this master failed. */
  failed(master: MasterAddress, error: IcfError): void
}

/** Longest pause between attempts to reach a master: while the caller of `connect` waits, and later. */
const FIRST_MAX_DELAY_MS = 300
const MAX_DELAY_MS = 1_000
/** All clients come to a restarted master at once: so many times longer than the first may an attempt take. */
const PATIENCE_GROWTH = 4

/**
 * A link to every master, active and standby, that was named or that the topology lists: whichever becomes active pushes its
 * topologies at once. Nothing is polled. Where no master is, cache servers that were named tell the first topology.
 */
export class Masters {
  readonly #runtime: Runtime
  readonly #options: MastersOptions
  readonly #set: MasterSet
  /** By `host:port`. */
  readonly #channels = new Map<string, Channel>()
  #isClosed = false

  constructor(runtime: Runtime, options: MastersOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#set = new MasterSet(options.addresses)
    this.#adjust()
  }

  get connectedCount(): number {
    return [...this.#channels.values()].filter(({ link }) => link !== undefined).length
  }

  /** Asks for the topology. */
  ask(): void {
    this.#tell(topologyRequest)
  }

  suspect(serverId: string): void {
    this.#tell(suspectMessage(serverId))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()))
  }

  /** All that are connected: whoever is active hears it. */
  #tell(message: Message): void {
    for (const { link } of this.#channels.values()) link?.send(message)
  }

  #adjust(): void {
    if (this.#isClosed) return
    const before = this.#set.wanted
    for (const [where, channel] of this.#channels) {
      if (before.has(where)) continue
      this.#channels.delete(where)
      void channel.close()
      this.#set.lost(where)
    }
    for (const [where, address] of this.#set.wanted)
      if (!this.#channels.has(where)) this.#channels.set(where, this.#open(where, address))
  }

  #open(where: string, address: Address): Channel {
    const master = { ...address, address: where }
    const options = this.#options
    const channel: Channel = new Channel(this.#runtime, {
      address,
      // Two links to one server would replace each other, if it knew whose they are.
      self: { ...options.self, id: '' },
      dialTimeoutMs: options.dialTimeoutMs,
      maxDialTimeoutMs: PATIENCE_GROWTH * options.dialTimeoutMs,
      maxDelayMs: () => (options.current().version === 0 ? FIRST_MAX_DELAY_MS : MAX_DELAY_MS),
      check: (link) => notMaster(link),
      opened: (link) => {
        if (link.remote.role === 'cache-server') return this.#askServer(where, link)
        watchLiveness(this.#runtime, link, options.pingIntervalMs)
        if (this.#channels.get(where) !== channel) return
        this.#set.opened(where, link.remote.id, readMasters(link.remote, 'client'))
        this.#adjust()
        options.connected(master)
      },
      message: (link, message) => {
        if (message[0] === MessageType.REFUSED) options.failed(master, readRefusal(message))
        else this.#receive(link, message)
        if (link.remote.role === 'cache-server') this.#answered(master, channel)
      },
      lost: (link) => {
        if (this.#channels.get(where) !== channel || link.remote.role !== 'master') return
        this.#set.lost(where)
        this.#adjust()
        // What this one would have pushed, or pushed in vain, another may know.
        this.ask()
        options.lost(master)
      },
      failed: (error) => options.failed(master, error),
    })
    return channel
  }

  /** Whoever has a topology follows the masters that it lists. */
  #askServer(where: string, link: Link): void {
    if (this.#options.current().version === 0) link.send(topologyRequest)
    else this.#isServer(where)
  }

  /** It may have no topology yet: then it, or a master, is asked again. */
  #answered(master: MasterAddress, channel: Channel): void {
    if (this.#options.current().version > 0) return this.#isServer(master.address)
    const error = new IcfError(
      'UNREACHABLE',
      `${master.address} is a cache server that follows no master yet`,
    )
    this.#options.failed(master, error)
    channel.reconnect()
  }

  #isServer(where: string): void {
    this.#set.isNone(where)
    this.#adjust()
  }

  /** Why the topology changed makes no difference here. */
  #receive(link: Link, message: Message): void {
    if (!isTopologyUpdate(message)) return
    const current = this.#options.current()
    const { epoch, version } = readUpdateVersion(message)
    // Whoever sends it: nobody goes back to an older one.
    if (compareVersions(epoch, version, current.epoch, current.version) <= 0) return
    const topology = readTopologyUpdate(message, current)
    if (topology === undefined) return link.send(topologyRequest)
    this.#options.topology(topology)
    this.#set.follow(topology.masters)
    this.#adjust()
  }
}

function notMaster({ remote, remoteAddress }: Link): IcfError | undefined {
  if (remote.role === 'cache-server') return undefined
  if (remote.role === 'master') return unreadable(remote, remoteAddress)
  return new IcfError(
    'INVALID_ARGUMENT',
    `masters: ${remoteAddress} is no master: name one, or a cache server while no master is there`,
  )
}

/** What is wrong with what a master says of others. */
function unreadable(remote: Introduction, where: string): IcfError | undefined {
  try {
    readMasters(remote, 'client')
    return undefined
  } catch (cause) {
    return new IcfError('PROTOCOL', `${where}: ${(cause as IcfError).message}`, { cause })
  }
}
