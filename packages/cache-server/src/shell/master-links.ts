import type { ErrorCode, IcfError, Introduction, Message, Runtime, Timing } from '@icf/common'
import { formatAddress, type Address, type Link } from '@icf/common/node'
import { MasterLink } from './master-link.js'

/** The same process may answer otherwise the next time. */
const PASSING: readonly ErrorCode[] = ['UNREACHABLE', 'TIMEOUT', 'BUSY']

/** `where`: `host:port` of the master that it is about. */
export interface MasterLinksOptions {
  readonly masters: readonly Address[]
  introduce(): Introduction
  connected(where: string, timing: Timing): void
  lost(where: string): void
  /** No process listens at this master's address; if there was a link, since that broke. */
  gone(where: string): void
  /** No process listens at any master's address since `at` by the runtime's clock. */
  allGone(at: number): void
  /** @param isNews the first of its kind since this master was there last */
  failed(where: string, error: IcfError, isNews: boolean): void
  /** @param link on which it came, and on which an answer belongs */
  message(message: Message, link: Link): void
}

/** A link to every master, for as long as this server lives: whichever is active hears what is said to all, and tells. */
export class MasterLinks {
  readonly #options: MasterLinksOptions
  readonly #links: readonly MasterLink[]

  constructor(runtime: Runtime, options: MasterLinksOptions) {
    this.#options = options
    // A second link to the same process would replace the first one there.
    const addresses = new Map(options.masters.map((address) => [formatAddress(address), address]))
    this.#links = [...addresses.values()].map((address) => this.#open(runtime, address))
  }

  get openCount(): number {
    return this.#links.filter(({ isOpen }) => isOpen).length
  }

  /** Why nobody will have this server: all were tried, none is there, and what is instead will not go away by itself. */
  get refusal(): IcfError | undefined {
    const problems = this.#links.map(({ problem }) => problem)
    if (problems.includes(undefined)) return undefined
    return problems.find((problem) => !PASSING.includes(problem!.code))
  }

  /** To all that are connected. */
  send(message: Message): void {
    for (const link of this.#links) link.send(message)
  }

  stop(): void {
    for (const link of this.#links) link.stop()
  }

  #open(runtime: Runtime, address: Address): MasterLink {
    const options = this.#options
    const link: MasterLink = new MasterLink(runtime, {
      address,
      introduce: () => options.introduce(),
      connected: (timing) => options.connected(link.where, timing),
      lost: () => options.lost(link.where),
      failed: (error, isNews) => {
        options.failed(link.where, error, isNews)
        if (link.refusedAt !== undefined) this.#gone(link)
      },
      message: (message, from) => options.message(message, from),
    })
    return link
  }

  #gone(link: MasterLink): void {
    this.#options.gone(link.where)
    let since = Infinity
    for (const { refusedAt } of this.#links) {
      if (refusedAt === undefined) return
      since = Math.min(since, refusedAt)
    }
    this.#options.allGone(since)
  }
}
