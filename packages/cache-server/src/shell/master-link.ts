import {
  type ErrorCode,
  IcfError,
  MessageType,
  readRefusal,
  readTiming,
  type Introduction,
  type Message,
  type Runtime,
  type Timing,
} from '@icf/common'
import { isRefused, Redialer, watchLiveness, type Address, type Link } from '@icf/common/node'

const DIAL_TIMEOUT_MS = 1000
/** One that does not answer keeps from the others, of which one may be the active by now: for all of them, once each. */
const MAX_ROUND_MS = 4000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 200

/** The same process may answer otherwise the next time. */
const PASSING: readonly ErrorCode[] = ['UNREACHABLE', 'TIMEOUT', 'BUSY']

export interface MasterLinkOptions {
  readonly masters: readonly Address[]
  introduce(): Introduction
  connected(timing: Timing): void
  lost(): void
  /** No process listens at any master's address since `at` by the runtime's clock. */
  provenGone(at: number): void
  /** What answered will not have this server, or is no master. */
  refused(error: IcfError): void
  /** Nobody answered, or not now. */
  failed(error: IcfError): void
  /** @param link on which it came: an answer belongs there, not to another master, to which it may mean something else */
  message(message: Message, link: Link): void
}

/** The link to the master, for as long as this server lives. */
export class MasterLink {
  readonly #redialer: Redialer
  #link: Link | undefined
  #attempt = 0
  /** When each address last began to refuse connections; undefined where it did anything else since. */
  readonly #refusingAt: (number | undefined)[]

  constructor(
    private readonly runtime: Runtime,
    private readonly options: MasterLinkOptions,
  ) {
    const { masters } = options
    this.#refusingAt = masters.map(() => undefined)
    this.#redialer = new Redialer(runtime, {
      address: () => masters[++this.#attempt % masters.length],
      introduce: () => options.introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      maxTimeoutMs: Math.max(DIAL_TIMEOUT_MS, MAX_ROUND_MS / masters.length),
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
    this.#refusingAt.fill(undefined)
    const timing = readMaster(link)
    if (timing instanceof IcfError) {
      link.handlers = { message: () => undefined, close: () => this.#redialer.lost() }
      link.terminate()
      return this.#tell(timing)
    }
    this.#link = link
    watchLiveness(this.runtime, link)
    this.options.connected(timing)
    link.handlers = {
      message: (message) => {
        if (message[0] === MessageType.REFUSED) this.#tell(readRefusal(message))
        else this.options.message(message, link)
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
    this.#tell(error)
    let since = startedAt
    for (const at of this.#refusingAt) {
      if (at === undefined) return
      since = Math.min(since, at)
    }
    this.options.provenGone(since)
  }

  #tell(error: IcfError): void {
    if (PASSING.includes(error.code)) this.options.failed(error)
    else this.options.refused(error)
  }
}

/** @returns what is wrong, when no master is at the other end, or it says what makes no sense */
function readMaster({ remote, remoteAddress }: Link): Timing | IcfError {
  if (remote.role !== 'master')
    return new IcfError(
      'WRONG_ROLE',
      `${remoteAddress} is a ${remote.role.replace('-', ' ')}, not a master: check --masters`,
    )
  try {
    return readTiming(remote)
  } catch (cause) {
    return new IcfError('PROTOCOL', `${remoteAddress}: ${(cause as IcfError).message}`, { cause })
  }
}
