import {
  concernsClients,
  encodeDifference,
  encodeDifferenceForClients,
  encodeTopology,
  NONE,
  seatOf,
  topologyUpdateMessage,
  wholeTopologyMessage,
  type Message,
  type Topology,
} from '@icf/common'
import type { Commit } from './changes.js'
import type { Effect, LinkId } from './events.js'

interface Reader {
  /** Id of the cache server; undefined for a client. */
  readonly serverId: string | undefined
  /** What it has, or undefined when it must get the whole. */
  has: Topology | undefined
  isCongested: boolean
}

/** What a reader has; undefined: nothing. */
type Base = Topology | undefined

type Update = Pick<Commit, 'topology' | 'cause' | 'concerned'>

/** The whole to 64 clients of 500 servers is 6 MB, and takes less than 10 ms. */
export const CLIENTS_A_TURN = 64

/**
 * Keeps everybody's topology up to date: the whole at first, then differences. A reader that does not keep up gets no
 * more until its link has drained, and then the whole of what is in effect by then.
 *
 * Cache servers get every version, at once. There may be thousands of clients: they get those that concern them, and
 * what has settled, so many in a turn of the event loop that servers' heartbeats are read in between. One whose turn comes
 * late gets what is in effect by then.
 */
export class Publisher {
  readonly #readers = new Map<LinkId, Reader>()
  /** Clients that are to get the topology in effect, those that have waited longest first. */
  readonly #due = new Set<LinkId>()
  /** What leads servers, and clients, to the newest version, by what it leads from: one message, encoded once, for all alike. */
  readonly #messages = { server: new Map<Base, Message>(), client: new Map<Base, Message>() }
  #messagesFor: Topology | undefined

  /** @param serverId undefined for a client. A server gets nothing before a topology that it is part of. */
  add(link: LinkId, serverId: string | undefined): void {
    this.#readers.set(link, { serverId, has: undefined, isCongested: false })
  }

  remove(link: LinkId): void {
    this.#readers.delete(link)
    this.#due.delete(link)
  }

  congested(link: LinkId): void {
    const reader = this.#readers.get(link)
    if (!reader) return
    reader.isCongested = true
    reader.has = undefined
    this.#due.delete(link)
  }

  drained(link: LinkId, update: Update): Effect[] {
    const reader = this.#readers.get(link)
    if (!reader?.isCongested) return []
    reader.isCongested = false
    return this.sendWhole(link, update)
  }

  /** The whole topology: at first, and when the reader asks. To a client, when its turn comes. */
  sendWhole(link: LinkId, update: Update): Effect[] {
    const reader = this.#readers.get(link)
    if (!reader || reader.isCongested) return []
    reader.has = undefined
    if (reader.serverId !== undefined)
      return this.#send('server', [link], update, () => this.#wholeOf(update.topology))
    this.#due.add(link)
    return []
  }

  /** A new version is in effect: sends it to servers; clients that it concerns are due. */
  publish(commit: Commit): Effect[] {
    const { topology, cause, concerned, outlook } = commit
    const news = new Map<Topology | undefined, boolean>()
    const servers: LinkId[] = []
    for (const [link, { serverId, has, isCongested }] of this.#readers) {
      if (isCongested) continue
      if (serverId !== undefined) {
        servers.push(link)
        continue
      }
      let isNews = news.get(has)
      if (isNews === undefined)
        news.set(has, (isNews = has === undefined || outlook.isSettled || concernsClients(has, topology)))
      if (isNews) this.#due.add(link)
    }
    return this.#send('server', servers, commit, () =>
      topologyUpdateMessage(cause, encodeTopology(topology), concerned),
    )
  }

  /** Whether clients wait for a turn. */
  get isBehind(): boolean {
    return this.#due.size > 0
  }

  /** Sends what is in effect to the clients whose turn it is. */
  turn(update: Update): Effect[] {
    const links: LinkId[] = []
    for (const link of this.#due) {
      if (links.length === CLIENTS_A_TURN) break
      this.#due.delete(link)
      links.push(link)
    }
    return this.#send('client', links, update, () => this.#wholeOf(update.topology))
  }

  /** Each gets what leads from what it has to what is in effect, or the whole as `whole` has it. All are of one kind. */
  #send(kind: 'server' | 'client', links: readonly LinkId[], update: Update, whole: () => Message): Effect[] {
    const { topology } = update
    const byBase = new Map<Base, LinkId[]>()
    for (const link of links) {
      const reader = this.#readers.get(link)!
      if (!concerns(topology, reader)) continue
      const alike = byBase.get(reader.has)
      if (alike) alike.push(link)
      else byBase.set(reader.has, [link])
      reader.has = topology
    }
    return [...byBase].map(([base, alike]) => ({
      type: 'send',
      links: alike,
      message: base ? this.#differenceFrom(base, update, kind) : whole(),
    }))
  }

  #differenceFrom(
    base: Topology,
    { topology, cause, concerned }: Update,
    kind: 'server' | 'client',
  ): Message {
    const encode = kind === 'server' ? encodeDifference : encodeDifferenceForClients
    return this.#once(this.#messages[kind], base, topology, () =>
      topologyUpdateMessage(cause, encode(base, topology), concerned),
    )
  }

  #wholeOf(topology: Topology): Message {
    return this.#once(this.#messages.server, undefined, topology, () => wholeTopologyMessage(topology))
  }

  #once(messages: Map<Base, Message>, base: Base, topology: Topology, make: () => Message): Message {
    if (this.#messagesFor !== topology) {
      this.#messagesFor = topology
      this.#messages.server.clear()
      this.#messages.client.clear()
    }
    let message = messages.get(base)
    if (!message) messages.set(base, (message = make()))
    return message
  }
}

function concerns(topology: Topology, { serverId }: Reader): boolean {
  return serverId === undefined || seatOf(topology, serverId) !== NONE
}
