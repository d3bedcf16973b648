import type { ErrorCode, IcfError, Introduction, MasterInfo, Message, Runtime, Timing } from '@icf/common'
import { MasterSet, type Address, type Link } from '@icf/common/node'
import { MasterLink } from './master-link.js'

/** The same process may answer otherwise the next time. */
const PASSING: readonly ErrorCode[] = ['UNREACHABLE', 'TIMEOUT', 'BUSY']

/** `where`: `host:port` of the master that it is about. */
export interface MasterLinksOptions {
  readonly masters: readonly Address[]
  introduce(): Introduction
  connected(where: string, timing: Timing): void
  lost(where: string): void
  /** No process listens where the master with that id was; if there was a link, since that broke. */
  gone(id: string): void
  /** No process listens at any master's address, neither of those named nor of the topology's, since `at` by the runtime's clock. */
  allGone(at: number): void
  /** @param isNews the first of its kind since this master was there last */
  failed(where: string, error: IcfError, isNews: boolean): void
  /** @param link on which it came, and on which an answer belongs */
  message(message: Message, link: Link): void
}

/** A link to every master, for as long as this server lives: whichever is active hears what is said to all, and tells. */
export class MasterLinks {
  readonly #runtime: Runtime
  readonly #options: MasterLinksOptions
  /** A second link to the same process would replace the first one there. */
  readonly #set: MasterSet
  /** By `host:port`. */
  readonly #links = new Map<string, MasterLink>()
  #isStopped = false

  constructor(runtime: Runtime, options: MasterLinksOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#set = new MasterSet(options.masters)
    this.#adjust()
  }

  get openCount(): number {
    return [...this.#links.values()].filter(({ isOpen }) => isOpen).length
  }

  /** Those of the newest topology. */
  follow(masters: readonly MasterInfo[]): void {
    this.#set.follow(masters)
    this.#adjust()
  }

  /** Why nobody will have this server: all were tried, none is there, and what is instead will not go away by itself. */
  get refusal(): IcfError | undefined {
    const problems = [...this.#links.values()].map(({ problem }) => problem)
    if (problems.includes(undefined)) return undefined
    return problems.find((problem) => !PASSING.includes(problem!.code))
  }

  /** To all that are connected. */
  send(message: Message): void {
    for (const link of this.#links.values()) link.send(message)
  }

  stop(): void {
    this.#isStopped = true
    for (const link of this.#links.values()) link.stop()
    this.#links.clear()
  }

  #adjust(): void {
    if (this.#isStopped) return
    const before = this.#set.wanted
    for (const [where, link] of this.#links) {
      if (before.has(where)) continue
      this.#links.delete(where)
      link.stop()
      this.#set.lost(where)
    }
    for (const [where, address] of this.#set.wanted)
      if (!this.#links.has(where)) this.#links.set(where, this.#open(where, address))
  }

  #open(where: string, address: Address): MasterLink {
    const options = this.#options
    const link: MasterLink = new MasterLink(this.#runtime, {
      address,
      introduce: () => options.introduce(),
      connected: (timing, id, masters) => {
        if (this.#links.get(where) !== link) return
        this.#set.opened(where, id, masters)
        this.#adjust()
        options.connected(where, timing)
      },
      lost: () => {
        if (this.#links.get(where) !== link) return
        this.#set.lost(where)
        options.lost(where)
        this.#adjust()
      },
      failed: (error, isNews) => {
        options.failed(where, error, isNews)
        if (link.refusedAt !== undefined) this.#gone(link)
      },
      message: (message, from) => options.message(message, from),
    })
    return link
  }

  #gone(link: MasterLink): void {
    const id = this.#set.idAt(link.where)
    // One name may stand for several, and one master be known by several: it is gone when nothing is found by any of them.
    const isGone = [...this.#links.values()].every(
      ({ where, refusedAt }) => refusedAt !== undefined || this.#set.idAt(where) !== id,
    )
    if (id !== undefined && isGone) this.#options.gone(id)
    let since = Infinity
    for (const { refusedAt } of this.#links.values()) {
      if (refusedAt === undefined) return
      since = Math.min(since, refusedAt)
    }
    this.#options.allGone(since)
  }
}
