import {
  compareVersions,
  IcfError,
  isTopologyUpdate,
  MessageType,
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
import { formatAddress, watchLiveness, type Address, type Link } from '@icf/common/node'
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
 * A link to every master that was named, active and standby: whichever becomes active pushes its topologies at once.
 * Nothing is polled.
 */
export class Masters {
  readonly #runtime: Runtime
  readonly #options: MastersOptions
  readonly #channels: Channel[]

  constructor(runtime: Runtime, options: MastersOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#channels = options.addresses.map((address) => this.#open(address))
  }

  get connectedCount(): number {
    return this.#channels.filter((channel) => channel.link !== undefined).length
  }

  /** Asks for the topology. */
  ask(): void {
    this.#tell(topologyRequest)
  }

  suspect(serverId: string): void {
    this.#tell(suspectMessage(serverId))
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()))
  }

  /** All that are connected: whoever is active hears it. */
  #tell(message: Message): void {
    for (const { link } of this.#channels) link?.send(message)
  }

  #open(address: Address): Channel {
    const master = { ...address, address: formatAddress(address) }
    const options = this.#options
    return new Channel(this.#runtime, {
      address,
      self: options.self,
      dialTimeoutMs: options.dialTimeoutMs,
      maxDialTimeoutMs: PATIENCE_GROWTH * options.dialTimeoutMs,
      maxDelayMs: () => (options.current().version === 0 ? FIRST_MAX_DELAY_MS : MAX_DELAY_MS),
      check: (link) => notMaster(link),
      opened: (link) => {
        watchLiveness(this.#runtime, link, options.pingIntervalMs)
        options.connected(master)
      },
      message: (link, message) => {
        if (message[0] === MessageType.REFUSED) options.failed(master, readRefusal(message))
        else this.#receive(link, message)
      },
      lost: () => {
        // What this one would have pushed, or pushed in vain, another may know.
        this.ask()
        options.lost(master)
      },
      failed: (error) => options.failed(master, error),
    })
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
  }
}

function notMaster({ remote, remoteAddress }: Link): IcfError | undefined {
  if (remote.role === 'master') return undefined
  return new IcfError(
    'INVALID_ARGUMENT',
    `masters: ${remoteAddress} is a ${remote.role}, not a master; cache servers are found by themselves`,
  )
}
