import { IcfError, isTopologyUpdate, limits, type Message } from '@icf/common'
import { encodeFrame, type Link } from '@icf/common/node'
import type { LinkId, MasterEvent } from '../core/index.js'
import type { ServerVotes } from './coordination.js'

/** A frame's header more than what a link takes for its high-water mark: so its `drain` is sure to come. */
const CONGESTED_BYTES = limits.linkHighWaterBytes + 64

/** The links of cache servers and clients, each under a number that is never used twice. They outlive terms. */
export class Links {
  readonly #links = new Map<LinkId, Link>()
  readonly #frames = new WeakMap<Message, Uint8Array>()
  readonly #tell: (event: MasterEvent) => void
  #next = 1

  /**
   * @param tell what happens on them, to whoever is there to hear it
   * @param votes where cache servers vote
   */
  constructor(
    tell: (event: MasterEvent) => void,
    private readonly votes: ServerVotes | undefined,
  ) {
    this.#tell = tell
  }

  get count(): number {
    return this.#links.size
  }

  get(id: LinkId): Link | undefined {
    return this.#links.get(id)
  }

  /** A cache server or client has connected. */
  opened(link: Link): void {
    const id = this.#next++
    this.#links.set(id, link)
    this.#tell({ type: 'linkOpened', link: id, hello: link.remote })
    const votes = link.remote.role === 'cache-server' ? this.votes : undefined
    votes?.serverConnected(link)
    link.handlers = {
      message: (message) => {
        if (!votes || !isOfVotes(votes, link, message)) this.#tell({ type: 'message', link: id, message })
      },
      close: () => {
        this.#links.delete(id)
        votes?.serverLost(link)
        this.#tell({ type: 'linkLost', link: id })
      },
      drain: () => this.#tell({ type: 'linkDrained', link: id }),
    }
  }

  /** What a term that begins has to be told of those that are open, in the order in which they came. */
  announcements(): MasterEvent[] {
    const open = [...this.#links].filter(([, { isOpen }]) => isOpen)
    return open.map(([id, { remote }]) => ({ type: 'linkOpened', link: id, hello: remote, isEarlier: true }))
  }

  /** @returns those to which too much is unsent now */
  send(ids: readonly LinkId[], message: Message): LinkId[] {
    const frame = this.#frameOf(message)
    return ids.filter((id) => {
      const link = this.#links.get(id)
      link?.sendFrame(frame)
      return link !== undefined && link.unsentBytes > CONGESTED_BYTES
    })
  }

  close(): void {
    for (const link of this.#links.values()) link.close(1001, 'the master shuts down')
  }

  /** The same topology update goes to many, some at a time: it is made into a frame once. */
  #frameOf(message: Message): Uint8Array {
    if (!isTopologyUpdate(message)) return encodeFrame(message)
    let frame = this.#frames.get(message)
    if (!frame) this.#frames.set(message, (frame = encodeFrame(message)))
    return frame
  }
}

function isOfVotes(votes: ServerVotes, link: Link, message: Message): boolean {
  try {
    return votes.serverMessage(link, message)
  } catch (error) {
    if (!(error instanceof IcfError)) throw error
    link.refuse(error)
    return true
  }
}
