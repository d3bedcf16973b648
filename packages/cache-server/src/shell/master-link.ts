import { type IcfError, MessageType, type Message } from '@icf/common'
import {
  isRefused,
  readRefusal,
  Redialer,
  type Address,
  type Introduction,
  type Link,
} from '@icf/common/node'

const DIAL_TIMEOUT_MS = 1000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 200

export interface MasterLinkOptions {
  readonly masters: readonly Address[]
  introduce(): Introduction
  /** @param details of WELCOME */
  connected(details: readonly unknown[]): void
  lost(): void
  /** No process listens at any master's address since `at` (performance.now()). */
  provenGone(at: number): void
  /** A master will not have this server. */
  refused(error: IcfError): void
  failed(error: IcfError): void
  message(message: Message): void
}

/** The link to the master, for as long as this server lives. */
export class MasterLink {
  readonly #redialer: Redialer
  #link: Link | undefined
  #attempt = 0
  /** When each address last began to refuse connections; undefined where it did anything else since. */
  readonly #refusingAt: (number | undefined)[]

  constructor(private readonly options: MasterLinkOptions) {
    const { masters } = options
    this.#refusingAt = masters.map(() => undefined)
    this.#redialer = new Redialer({
      address: () => masters[++this.#attempt % masters.length],
      introduce: () => options.introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      opened: (link) => this.#opened(link),
      failed: (error, startedAt) => this.#failed(error, startedAt),
    })
  }

  send(message: Message): void {
    this.#link?.send(message)
  }

  stop(): void {
    this.#redialer.stop()
    this.#link?.close()
  }

  #opened(link: Link): void {
    this.#link = link
    this.#refusingAt.fill(undefined)
    this.options.connected(link.remote.details)
    link.handlers = {
      message: (message) => {
        if (message[0] === MessageType.REFUSED) this.options.refused(readRefusal(message))
        else this.options.message(message)
      },
      close: () => {
        this.#link = undefined
        this.options.lost()
        this.#redialer.lost()
      },
    }
  }

  #failed(error: IcfError, startedAt: number): void {
    this.#refusingAt[this.#attempt % this.#refusingAt.length] = isRefused(error) ? startedAt : undefined
    if (isRefusal(error)) return this.options.refused(error)
    this.options.failed(error)
    let since = startedAt
    for (const at of this.#refusingAt) {
      if (at === undefined) return
      since = Math.min(since, at)
    }
    this.options.provenGone(since)
  }
}

function isRefusal(error: IcfError): boolean {
  return error.code !== 'UNREACHABLE' && error.code !== 'TIMEOUT'
}
