import {
  IcfError,
  MessageType,
  readMasters,
  readRefusal,
  readTiming,
  type ErrorCode,
  type Introduction,
  type MasterPlace,
  type Message,
  type Runtime,
  type Timing,
} from '@icf/common'
import { formatAddress, isRefused, Redialer, watchLiveness, type Address, type Link } from '@icf/common/node'

const DIAL_TIMEOUT_MS = 1000
/** A restarted master takes the connections of many servers one after the other. */
const MAX_DIAL_TIMEOUT_MS = 4000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 200

export interface MasterLinkOptions {
  readonly address: Address
  introduce(): Introduction
  /** @param id of the master. @param masters that it knows */
  connected(timing: Timing, id: string, masters: readonly MasterPlace[]): void
  lost(): void
  /**
   * Nobody answered, or not now; or what did will not have this server, or is no master.
   * @param isNews the first of its kind since the master was there last
   */
  failed(error: IcfError, isNews: boolean): void
  /** @param link on which it came: an answer belongs there, not to another master, to which it may mean something else */
  message(message: Message, link: Link): void
}

/** The link to one master, active or standby, for as long as this server lives. */
export class MasterLink {
  /** `host:port` */
  readonly where: string
  readonly #runtime: Runtime
  readonly #options: MasterLinkOptions
  readonly #redialer: Redialer
  #link: Link | undefined
  #problem: IcfError | undefined
  #refusedAt: number | undefined
  readonly #told = new Set<ErrorCode>()

  constructor(runtime: Runtime, options: MasterLinkOptions) {
    this.where = formatAddress(options.address)
    this.#runtime = runtime
    this.#options = options
    this.#redialer = new Redialer(runtime, {
      address: options.address,
      introduce: () => options.introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      maxTimeoutMs: MAX_DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      opened: (link) => this.#opened(link),
      failed: (error, startedAt) => {
        this.#refusedAt = isRefused(error) ? startedAt : undefined
        this.#failed(error)
      },
    })
  }

  get isOpen(): boolean {
    return this.#link !== undefined
  }

  /** Why the last attempt failed, or the master ends the link; undefined before the first has ended, and while all is well. */
  get problem(): IcfError | undefined {
    return this.#problem
  }

  /**
   * When the last attempt began, by the runtime's clock, if it proved that no process listens there. It began after the last
   * link broke: there are none while a link is open.
   */
  get refusedAt(): number | undefined {
    return this.#refusedAt
  }

  /** What is sent while there is no link is lost. */
  send(message: Message): void {
    this.#link?.send(message)
  }

  stop(): void {
    this.#redialer.stop()
    this.#link?.close()
  }

  #opened(link: Link): void {
    this.#refusedAt = undefined
    const master = readMaster(link)
    if (master instanceof IcfError) {
      link.handlers = { message: () => undefined, close: () => this.#redialer.lost() }
      link.terminate()
      return this.#failed(master)
    }
    this.#link = link
    this.#problem = undefined
    this.#told.clear()
    watchLiveness(this.#runtime, link)
    this.#options.connected(master.timing, link.remote.id, master.knows)
    link.handlers = {
      message: (message) => {
        if (message[0] === MessageType.REFUSED) this.#failed(readRefusal(message))
        else this.#options.message(message, link)
      },
      close: () => {
        this.#link = undefined
        this.#options.lost()
        this.#redialer.lost()
      },
    }
  }

  #failed(error: IcfError): void {
    this.#problem = error
    const isNews = !this.#told.has(error.code)
    this.#told.add(error.code)
    this.#options.failed(error, isNews)
  }
}

/** @returns what is wrong, when no master is at the other end, or it says what makes no sense */
function readMaster({
  remote,
  remoteAddress,
}: Link): { timing: Timing; knows: readonly MasterPlace[] } | IcfError {
  if (remote.role !== 'master')
    return new IcfError(
      'WRONG_ROLE',
      `${remoteAddress} is a ${remote.role.replace('-', ' ')}, not a master: check --masters`,
    )
  try {
    return { timing: readTiming(remote), knows: readMasters(remote, 'cache-server') }
  } catch (cause) {
    return new IcfError('PROTOCOL', `${remoteAddress}: ${(cause as IcfError).message}`, { cause })
  }
}
