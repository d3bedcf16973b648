import {
  decodeTopology,
  errorFromWire,
  IcfError,
  MessageType,
  type AdminArguments,
  type AdminCommand,
  type AdminResult,
  type LoggedEvent,
  type Message,
  type Plan,
  type Status,
  type Topology,
} from '@icf/common'
import { dial, formatAddress, nodeRuntime, parseAddress, type Address, type Link } from '@icf/common/node'

export interface AdminOptions {
  /** `host:port,…` */
  readonly masters: string
  readonly cluster: string
  /** For connecting, and for each request. */
  readonly timeoutMs: number
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: IcfError) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Resolves as soon as one of the masters answers.
 * @throws IcfError UNREACHABLE when none does, INVALID_ARGUMENT for a malformed address
 */
export async function requireMaster({ masters, cluster, timeoutMs }: AdminOptions): Promise<void> {
  const asked = parseMasters(masters).map(async (address) => {
    const link = await dialMaster(address, cluster, timeoutMs)
    link.terminate()
  })
  try {
    await Promise.any(asked)
  } catch (error) {
    throw noMaster((error as AggregateError).errors as IcfError[])
  }
}

function dialMaster(address: Address, cluster: string, timeoutMs: number): Promise<Link> {
  return dial(nodeRuntime, address, { role: 'admin', cluster, id: '', details: [] }, timeoutMs)
}

/** An operator's connection to the active master. */
export class AdminClient {
  readonly #link: Link
  readonly #pending = new Map<number, Pending>()
  #nextNumber = 1
  #closed = false
  /** Entries of the event log, after `events` with follow. */
  onEvent: (entry: LoggedEvent) => void = () => undefined
  onClose: () => void = () => undefined

  private constructor(
    link: Link,
    /** For the requests from here on. */
    public timeoutMs: number,
  ) {
    this.#link = link
    link.handlers = { message: (message) => this.#receive(message), close: () => this.#lost() }
  }

  /**
   * Tries the masters in turn until one answers.
   * @throws IcfError UNREACHABLE when none does, INVALID_ARGUMENT for a malformed address
   */
  static async connect({ masters, cluster, timeoutMs }: AdminOptions): Promise<AdminClient> {
    const addresses = parseMasters(masters)
    const deadline = performance.now() + timeoutMs
    const failures: IcfError[] = []
    for (const [i, address] of addresses.entries()) {
      // The first of several must not use up the time of the others.
      const share = Math.max(1, deadline - performance.now()) / (addresses.length - i)
      try {
        const link = await dialMaster(address, cluster, Math.ceil(share))
        return new AdminClient(link, timeoutMs)
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
        failures.push(error)
      }
    }
    throw noMaster(failures)
  }

  /** `host:port` of the master. */
  get address(): string {
    return this.#link.remoteAddress
  }

  status(): Promise<Status> {
    return this.#ask('STATUS', {})
  }

  plan(): Promise<Plan> {
    return this.#ask('PLAN', {})
  }

  async topology(): Promise<Topology> {
    const topology = decodeTopology(await this.#ask('TOPOLOGY', {}), undefined)
    if (!topology) throw new IcfError('PROTOCOL', `${this.address} answered TOPOLOGY with a difference`)
    return topology
  }

  shutdownCache(servers: readonly string[], dryRun: boolean): Promise<AdminResult<'SHUTDOWN_CACHE'>> {
    return this.#ask('SHUTDOWN_CACHE', { servers, dryRun })
  }

  /** @returns also how many slots only these servers have */
  forget(servers: readonly string[], dryRun: boolean): Promise<AdminResult<'FORGET'>> {
    return this.#ask('FORGET', { servers, dryRun })
  }

  async events(since: number, follow: boolean): Promise<readonly LoggedEvent[]> {
    const { events } = await this.#ask('EVENTS', { since, follow })
    return events
  }

  /** A master of this version answers as agreed. */
  #ask<C extends AdminCommand>(name: C, args: AdminArguments<C>): Promise<AdminResult<C>> {
    return this.request(name, args) as Promise<AdminResult<C>>
  }

  /** @throws IcfError what the master answered, TIMEOUT, or UNREACHABLE when the connection breaks */
  request(name: string, args: object = {}): Promise<unknown> {
    const { timeoutMs } = this
    if (this.#closed) return Promise.reject(this.#connectionLost())
    const number = this.#nextNumber++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(number)
        reject(
          new IcfError('TIMEOUT', `master ${this.address} did not answer ${name} within ${timeoutMs} ms`),
        )
      }, timeoutMs)
      this.#pending.set(number, { resolve, reject, timer })
      this.#link.send([MessageType.ADMIN_REQUEST, number, name, args])
    })
  }

  close(): void {
    this.#closed = true
    // Nothing is under way that the master would have to agree to.
    this.#link.terminate()
  }

  #receive(message: Message): void {
    if (message[0] === MessageType.EVENT) return this.onEvent(message[1] as LoggedEvent)
    if (message[0] !== MessageType.ADMIN_RESPONSE) return
    const [, number, isDone, result, text] = message
    const pending = this.#pending.get(number as number)
    if (!pending) return
    this.#pending.delete(number as number)
    clearTimeout(pending.timer)
    if (isDone === true) pending.resolve(result)
    else pending.reject(new IcfError(errorFromWire(result), String(text)))
  }

  #lost(): void {
    const wasClosed = this.#closed
    this.#closed = true
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(this.#connectionLost())
    }
    this.#pending.clear()
    if (!wasClosed) this.onClose()
  }

  #connectionLost(): IcfError {
    return new IcfError('UNREACHABLE', `the connection to master ${this.address} broke`)
  }
}

/** @param option that has them. @throws IcfError INVALID_ARGUMENT */
export function parseMasters(text: string, option = '--masters'): Address[] {
  const parts = text.split(',').filter((part) => part.trim() !== '')
  if (parts.length === 0)
    throw new IcfError('INVALID_ARGUMENT', `no master is given: write ${option} host:port,…`)
  return parts.map(parseAddress)
}

/** As the other end, and its user, spell the masters. */
export function masterList(text: string): string[] {
  return parseMasters(text).map(formatAddress)
}

/** What most often is the reason when no master answers. */
export const NO_CLUSTER_HINT = '(is the cluster up? --masters says where)'

function noMaster(failures: readonly IcfError[]): IcfError {
  const last = failures.at(-1)!
  // A refusal (another cluster, another version) tells more than a connection that could not be made.
  const refusal = failures.find(({ code }) => code !== 'UNREACHABLE' && code !== 'TIMEOUT')
  if (refusal) return refusal
  const reasons = failures.map(({ message }) => message).join('; ')
  return new IcfError(last.code, `${reasons} ${NO_CLUSTER_HINT}`, { cause: last.cause })
}
