import {
  clientDetails,
  IcfError,
  MessageType,
  readRefusal,
  type Introduction,
  type Message,
  type Runtime,
} from '@icf/common'
import { isRefused, type Link } from '@icf/common/node'
import type { Peer } from '../core/peer.js'
import type { Router } from '../core/router.js'
import { Channel } from './channel.js'

const DIAL_TIMEOUT_MS = 2_000
/** Of a longer one the system would ask for the connection again only after 7 s; calls have 5 s by default. */
const MAX_DIAL_TIMEOUT_MS = 4_000
const MAX_DELAY_MS = 1_000

export interface ServersOptions {
  readonly self: Introduction
  /** Only valid once the first peer is connected to. */
  router(): Router
  /** Nothing listens at the server's address, or another process does. */
  suspect(serverId: string): void
  error(error: IcfError): void
}

/** The links to cache servers, one for each peer that the router wants one for. */
export class Servers {
  readonly #runtime: Runtime
  readonly #options: ServersOptions
  readonly #channels = new Map<Peer, Channel>()

  constructor(runtime: Runtime, options: ServersOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  connect(peer: Peer): void {
    const { router, self, suspect, error } = this.#options
    const { id, host, port } = peer.server
    const channel: Channel = new Channel(this.#runtime, {
      address: { host, port },
      // Another one there would take this link for the one that replaces ours to it.
      self: { ...self, details: clientDetails(id) },
      dialTimeoutMs: DIAL_TIMEOUT_MS,
      maxDialTimeoutMs: MAX_DIAL_TIMEOUT_MS,
      maxDelayMs: () => MAX_DELAY_MS,
      check: (link) => impostor(peer, link),
      opened: (link) => router().opened(peer, link),
      message: (link, message) => this.#receive(peer, message),
      data: (frame) => router().receive(peer, frame),
      progress: () => peer.progressed(),
      drain: () => router().drained(peer),
      lost: () => router().lost(peer),
      failed: (problem) => {
        peer.problem = problem.message
        // The process with this id is proven gone; the master may not know yet.
        if (isRefused(problem) || problem.code === 'UNKNOWN_SERVER') suspect(peer.server.id)
        else if (!problem.retryable) error(problem)
      },
    })
    this.#channels.set(peer, channel)
  }

  disconnect(peer: Peer): void {
    this.#channels.get(peer)?.terminate()
    this.#channels.delete(peer)
  }

  reconnect(peer: Peer): void {
    this.#channels.get(peer)?.reconnect()
  }

  async close(): Promise<void> {
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    await Promise.all(channels.map((channel) => channel.close()))
  }

  #receive(peer: Peer, message: Message): void {
    if (message[0] !== MessageType.REFUSED) return
    const refusal = readRefusal(message)
    this.#options.router().refusedLink(peer, refusal)
    this.#options.error(refusal)
  }
}

/** Ids are new at every process start: another id at the address means that the server is gone. */
function impostor({ server }: Peer, { remote, remoteAddress }: Link): IcfError | undefined {
  if (remote.role === 'cache-server' && remote.id === server.id) return undefined
  return new IcfError('UNKNOWN_SERVER', `${remoteAddress} is no longer server ${server.id.slice(0, 8)}`)
}
