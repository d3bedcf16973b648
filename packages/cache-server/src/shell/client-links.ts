import { IcfError, limits, MessageType, wholeTopologyMessage, type Runtime } from '@icf/common'
import type { Link } from '@icf/common/node'
import type { CacheServerCore } from '../core/cache-server-core.js'
import type { ClientSession } from '../core/client-session.js'
import { StallWatch } from './stall-watch.js'

/**
 * While more than this is on its way to backups, clients are not read: they feel what the slowest backup bears. Nor is a client
 * that has long values waiting for their backups, while those of all clients are more.
 */
const MAX_REPLICATION_BYTES = 64 * 1024 * 1024

/** Links of clients. A client that does not read its answers, or writes faster than backups store, is not read either. */
export class ClientLinks {
  readonly #held = new Map<Link, ClientSession>()
  /** By the id that a client gives itself, which it keeps when it connects anew. */
  readonly #byClient = new Map<string, { readonly link: Link; readonly session: ClientSession }>()

  constructor(
    private readonly runtime: Runtime,
    private readonly core: CacheServerCore,
  ) {}

  open(link: Link): void {
    const { core, runtime } = this
    const watch = new StallWatch(
      runtime,
      // A long value is outstanding until all of it has gone, which may take long: each piece of it counts.
      () => session.outstandingBytes - link.sentAheadBytes,
      () => link.terminate(),
    )
    const session = core.openClient(link, link.remote.id, {
      get unsentBytes() {
        return link.unsentBytes
      },
      filled: () => {
        link.pause()
        watch.start()
      },
      // In a turn of its own: the link is in the middle of its work.
      progressed: () => runtime.setImmediate(() => this.#goOn(link, session, watch)),
    })
    this.#replace(link, session)
    link.handlers = {
      message: (message) => {
        if (session.closed) return
        if (message[0] !== MessageType.DISTRIBUTION_REQUEST)
          throw new IcfError('PROTOCOL', `a client can not send message ${String(message[0])}`)
        this.#tellTopology(link)
      },
      data: (frame) => {
        if (session.closed) return
        core.clientData(session, frame, runtime.now())
        if (!core.isBehind(session, MAX_REPLICATION_BYTES)) return
        link.pause()
        this.#held.set(link, session)
      },
      drain: () => this.#goOn(link, session, watch),
      close: () => {
        watch.stop()
        core.clientLost(session)
        this.#held.delete(link)
        if (this.#byClient.get(link.remote.id)?.link === link) this.#byClient.delete(link.remote.id)
      },
    }
  }

  /** To a client that found no master. One that does not read what it asked for gets no more of it. */
  #tellTopology(link: Link): void {
    if (link.unsentBytes < limits.linkHighWaterBytes)
      link.send(wholeTopologyMessage(this.core.slots.topology))
  }

  /** The client has taken some of its answers. */
  #goOn(link: Link, session: ClientSession, watch: StallWatch): void {
    if (session.closed) return
    try {
      this.core.clientAdvanced(session)
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      return link.refuse(error)
    }
    if (session.isFull) return
    watch.stop()
    // What waits is run first: it is done, or the session full, when this is called again.
    if (session.suspended.length > 0) return
    if (!this.#held.has(link)) link.resume()
  }

  /** A client that connects anew repeats what was not answered: what its older link still brings must not run after that. */
  #replace(link: Link, session: ClientSession): void {
    const { id } = link.remote
    if (id === '') return
    const older = this.#byClient.get(id)
    this.#byClient.set(id, { link, session })
    if (!older) return
    this.core.clientLost(older.session)
    older.link.terminate()
  }

  /** Less may be on its way to backups: reads on when they have caught up, or are gone. */
  backupsAdvanced(): void {
    if (this.#held.size === 0 || this.core.replicationBytes > MAX_REPLICATION_BYTES / 2) return
    for (const [link, session] of this.#held) {
      if (this.core.isBehind(session, MAX_REPLICATION_BYTES)) continue
      this.#held.delete(link)
      if (!session.isFull && session.suspended.length === 0) link.resume()
    }
  }
}
