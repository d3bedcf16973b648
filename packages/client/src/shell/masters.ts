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
  /** The one that sent the topology in force, and is asked first. */
  #informant: Channel | undefined

  constructor(runtime: Runtime, options: MastersOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#channels = options.addresses.map((address) => this.#open(address))
  }

  get connectedCount(): number {
    return this.#channels.filter((channel) => channel.link !== undefined).length
  }

  /** Asks one master for its topology: each time another one, beginning with the one that told the last. */
  ask(): void {
    const open = this.#channels.filter((channel) => channel.link !== undefined)
    const asked = open.find((channel) => channel === this.#informant) ?? open[0]
    asked?.link?.send(topologyRequest)
    const at = asked ? open.indexOf(asked) : -1
    if (open.length > 1) this.#informant = open[(at + 1) % open.length]
  }

  suspect(serverId: string): void {
    for (const channel of this.#channels) channel.link?.send(suspectMessage(serverId))
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.close()))
  }

  #open(address: Address): Channel {
    const master = { ...address, address: formatAddress(address) }
    const options = this.#options
    const channel: Channel = new Channel(this.#runtime, {
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
        else this.#receive(channel, link, message)
      },
      lost: () => {
        // What this one would have pushed, or pushed in vain, another may know.
        this.ask()
        options.lost(master)
      },
      failed: (error) => options.failed(master, error),
    })
    return channel
  }

  /** Why the topology changed makes no difference here. */
  #receive(channel: Channel, link: Link, message: Message): void {
    if (!isTopologyUpdate(message)) return
    const current = this.#options.current()
    const { epoch, version } = readUpdateVersion(message)
    // The same update comes from every master; and nobody goes back to an older one.
    if (compareVersions(epoch, version, current.epoch, current.version) <= 0) return
    const topology = readTopologyUpdate(message, current)
    if (topology === undefined) return link.send(topologyRequest)
    this.#informant = channel
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
