import type { FrameReader, IcfError, Introduction, Message, Runtime, Timer } from '@icf/common'
import { Redialer, type Address, type Link } from '@icf/common/node'

export interface ChannelOptions {
  readonly address: Address
  readonly self: Introduction
  readonly dialTimeoutMs: number
  /** After attempts that ended in TIMEOUT. */
  readonly maxDialTimeoutMs: number
  /** Longest pause between attempts, asked before each. */
  maxDelayMs(): number
  /** What is wrong with the process that answered, if anything. */
  check(link: Link): IcfError | undefined
  opened(link: Link): void
  message(link: Link, message: Message): void
  /** A message of the data path came. */
  data?(frame: FrameReader): void
  /** A piece of a long value came, or the answer to a ping. */
  progress?(): void
  drain?(link: Link): void
  /** The link that was opened is gone; another will be tried for. */
  lost(link: Link): void
  /** An attempt failed. */
  failed(error: IcfError): void
}

/** How long a close handshake may take before the connection is cut. */
const CLOSE_PATIENCE_MS = 200

/** One link to one address, kept open until the channel is closed. */
export class Channel {
  link: Link | undefined
  readonly #runtime: Runtime
  readonly #options: ChannelOptions
  readonly #redialer: Redialer
  #timer: Timer | undefined
  #isClosed = false
  #whenGone: (() => void) | undefined

  constructor(runtime: Runtime, options: ChannelOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#redialer = new Redialer(runtime, {
      address: options.address,
      introduce: () => options.self,
      opened: (link) => this.#opened(link),
      failed: (error) => options.failed(error),
      timeoutMs: options.dialTimeoutMs,
      maxTimeoutMs: options.maxDialTimeoutMs,
      minDelayMs: 50,
      get maxDelayMs() {
        return options.maxDelayMs()
      },
    })
  }

  /** Cuts the connection; another is made. */
  reconnect(): void {
    this.link?.terminate()
  }

  /** Stops for good. Resolves when no connection is left. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#redialer.stop()
    this.#runtime.clear(this.#timer)
    const { link } = this
    if (link === undefined) return Promise.resolve()
    link.close()
    this.#timer = this.#runtime.setTimeout(() => link.terminate(), CLOSE_PATIENCE_MS)
    return new Promise((resolve) => (this.#whenGone = resolve))
  }

  /** Stops for good, at once. */
  terminate(): void {
    this.#isClosed = true
    this.#redialer.stop()
    this.#runtime.clear(this.#timer)
    this.link?.terminate()
  }

  #opened(link: Link): void {
    const options = this.#options
    const problem = options.check(link)
    if (problem) {
      link.handlers = { message: () => undefined, close: () => undefined }
      link.terminate()
      this.#redialer.lost()
      return options.failed(problem)
    }
    this.link = link
    options.opened(link)
    link.handlers = {
      message: (message) => options.message(link, message),
      ...(options.data && { data: (frame) => options.data?.(frame) }),
      progress: () => options.progress?.(),
      drain: () => options.drain?.(link),
      close: () => this.#gone(link),
    }
  }

  #gone(link: Link): void {
    this.link = undefined
    if (this.#isClosed) {
      this.#runtime.clear(this.#timer)
      this.#whenGone?.()
    } else this.#redialer.lost()
    this.#options.lost(link)
  }
}
