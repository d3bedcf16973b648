import {
  encodeDifference,
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

/**
 * Keeps everybody's topology up to date: the whole at first, then differences. A reader that does not keep up gets no
 * more until its link has drained, and then the whole of what is in effect by then.
 */
export class Publisher {
  readonly #readers = new Map<LinkId, Reader>()
  /** The whole of the newest version, encoded once for all who connect. */
  #whole: { readonly topology: Topology; readonly message: Message } | undefined

  /** @param serverId undefined for a client. A server gets nothing before a topology that it is part of. */
  add(link: LinkId, serverId: string | undefined): void {
    this.#readers.set(link, { serverId, has: undefined, isCongested: false })
  }

  remove(link: LinkId): void {
    this.#readers.delete(link)
  }

  congested(link: LinkId): void {
    const reader = this.#readers.get(link)
    if (!reader) return
    reader.isCongested = true
    reader.has = undefined
  }

  drained(link: LinkId, topology: Topology): Effect[] {
    const reader = this.#readers.get(link)
    if (!reader?.isCongested) return []
    reader.isCongested = false
    return this.sendWhole(link, topology)
  }

  /** The whole topology: at first, and when the reader asks. */
  sendWhole(link: LinkId, topology: Topology): Effect[] {
    const reader = this.#readers.get(link)
    if (!reader || reader.isCongested || !concerns(topology, reader)) return []
    reader.has = topology
    return [{ type: 'send', links: [link], message: this.#wholeOf(topology) }]
  }

  #wholeOf(topology: Topology): Message {
    if (this.#whole?.topology !== topology)
      this.#whole = { topology, message: wholeTopologyMessage(topology) }
    return this.#whole.message
  }

  /** One message for all that have the same topology now. */
  publish({ topology, cause, concerned }: Commit): Effect[] {
    const byBase = new Map<Topology | undefined, LinkId[]>()
    for (const [link, reader] of this.#readers) {
      if (reader.isCongested || !concerns(topology, reader)) continue
      const links = byBase.get(reader.has)
      if (links) links.push(link)
      else byBase.set(reader.has, [link])
      reader.has = topology
    }
    return [...byBase].map(([base, links]) => {
      const update = base ? encodeDifference(base, topology) : encodeTopology(topology)
      return { type: 'send', links, message: topologyUpdateMessage(cause, update, concerned) }
    })
  }
}

function concerns(topology: Topology, { serverId }: Reader): boolean {
  return serverId === undefined || seatOf(topology, serverId) !== NONE
}
