import { setTimeout } from 'node:timers/promises'
import {
  decodeTopology,
  IcfError,
  type AdminArguments,
  type AdminCommand,
  type AdminResult,
  type LoggedEvent,
  type Plan,
  type Status,
  type Topology,
} from '@icf/common'
import { formatAddress, parseAddress, type Address } from '@icf/common/node'
import { AdminLink } from './admin-link.js'

export interface AdminOptions {
  /** `host:port,…` */
  readonly masters: string
  readonly cluster: string
  /** For connecting, and for each request. */
  readonly timeoutMs: number
}

/** A standby is asked for so long, in ms, whether one is active now: a takeover takes less (docs/masters.md). */
const ELECTION_MS = 2000
/** Until the masters are asked again; by a quarter more or less, so that those who wait do not ask all at once. */
const AGAIN_MS = 100

/**
 * Resolves as soon as one of the masters answers.
 * @throws IcfError UNREACHABLE when none does, INVALID_ARGUMENT for a malformed address
 */
export async function requireMaster({ masters, cluster, timeoutMs }: AdminOptions): Promise<void> {
  const asked = parseMasters(masters).map(async (address) => {
    const link = await AdminLink.dial(address, cluster, timeoutMs)
    link.close()
  })
  try {
    await Promise.any(asked)
  } catch (error) {
    throw noMaster((error as AggregateError).errors as IcfError[])
  }
}

/**
 * An operator's connection to the active master. When the one that it has turns out to be a standby, it goes on to another one:
 * of those that it was given, or that a master told of.
 */
export class AdminClient {
  readonly #known: Address[]
  readonly #cluster: string
  #link!: AdminLink
  #moving: Promise<void> | undefined
  #isClosed = false
  /** For the requests from here on. */
  timeoutMs: number
  /** Entries of the event log, after `events` with follow. */
  onEvent: (entry: LoggedEvent) => void = () => undefined
  onClose: () => void = () => undefined

  private constructor({ masters, cluster, timeoutMs }: AdminOptions) {
    this.#known = parseMasters(masters)
    this.#cluster = cluster
    this.timeoutMs = timeoutMs
  }

  /**
   * Tries the masters in turn until one answers.
   * @throws IcfError UNREACHABLE when none does, INVALID_ARGUMENT for a malformed address
   */
  static async connect(options: AdminOptions): Promise<AdminClient> {
    const admin = new AdminClient(options)
    const failures: IcfError[] = []
    if (!(await admin.#connectToOne(admin.#known, failures, admin.timeoutMs))) throw noMaster(failures)
    return admin
  }

  /** `host:port` of the master. */
  get address(): string {
    return this.#link.address
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

  /** @param master id, beginning of an id, or host:port of one that will not come back */
  forgetMaster(master: string): Promise<AdminResult<'FORGET_MASTER'>> {
    return this.#ask('FORGET_MASTER', { master })
  }

  /** @param to id, beginning of an id, or host:port of the standby that is to be active; null: one that can */
  failover(to: string | null): Promise<AdminResult<'FAILOVER'>> {
    return this.#ask('FAILOVER', { to })
  }

  /** @param begin unless one runs. @returns the newest one of the active master's term; null: there was none */
  audit(begin: boolean): Promise<AdminResult<'AUDIT'>> {
    return this.#ask('AUDIT', { begin })
  }

  async events(since: number, follow: boolean): Promise<readonly LoggedEvent[]> {
    const { events } = await this.#ask('EVENTS', { since, follow })
    return events
  }

  /** A master of this version answers as agreed. */
  #ask<C extends AdminCommand>(name: C, args: AdminArguments<C>): Promise<AdminResult<C>> {
    return this.request(name, args) as Promise<AdminResult<C>>
  }

  /**
   * A standby did nothing: the next one is asked, and while only standbys answer all of them again, as one may be about to be
   * active. What an active master was asked is asked once.
   * @throws IcfError what the master answered, TIMEOUT, UNREACHABLE when the connection breaks; STANDBY when none has become active
   *   within ELECTION_MS, or `timeoutMs` if that is less
   */
  async request(name: string, args: object = {}): Promise<unknown> {
    for (const deadline = performance.now() + this.#electionMs; ;) {
      // However long one round takes, a last one begins after the deadline.
      const isLast = performance.now() >= deadline
      try {
        return await this.#askInTurn(name, args)
      } catch (error) {
        if (isLast || !isStandby(error)) throw error
      }
      await setTimeout(AGAIN_MS * (0.75 + Math.random() / 2))
    }
  }

  /** Asks each master once, until one does not stand by. @throws IcfError as `request`, at once */
  async #askInTurn(name: string, args: object): Promise<unknown> {
    const standbys = new Set<string>()
    for (;;) {
      const link = this.#link
      try {
        return await link.request(name, args, this.timeoutMs)
      } catch (error) {
        if (!isStandby(error) || this.#known.length === 1 || standbys.has(link.address)) throw error
        standbys.add(link.address)
        // Another request may have been quicker.
        if (this.#link === link) await this.#moveOn(standbys)
      }
    }
  }

  get #electionMs(): number {
    return Math.min(ELECTION_MS, this.timeoutMs)
  }

  close(): void {
    this.#isClosed = true
    this.#link.close()
  }

  /** For all that were asked at the same time. */
  #moveOn(standbys: ReadonlySet<string>): Promise<void> {
    this.#moving ??= this.#leave(standbys).finally(() => (this.#moving = undefined))
    return this.#moving
  }

  /** @throws IcfError STANDBY when none of the others answers */
  async #leave(standbys: ReadonlySet<string>): Promise<void> {
    const others = this.#known.filter((address) => !standbys.has(formatAddress(address)))
    const failures: IcfError[] = []
    // One that does not answer is no reason to ask the standby, which may be active by now, any later.
    if (await this.#connectToOne(others, failures, this.#electionMs)) return
    const reasons = [
      ...[...standbys].map((address) => `${address} is a standby`),
      ...failures.map(({ message }) => message),
    ]
    throw new IcfError('STANDBY', `none of the masters is active: ${reasons.join('; ')}`)
  }

  /** @param failures gets why those did not answer that were tried before it */
  async #connectToOne(
    addresses: readonly Address[],
    failures: IcfError[],
    patienceMs: number,
  ): Promise<boolean> {
    const deadline = performance.now() + patienceMs
    for (const [i, address] of addresses.entries()) {
      // The first of several must not use up the time of the others.
      const share = Math.max(1, deadline - performance.now()) / (addresses.length - i)
      try {
        this.#use(await AdminLink.dial(address, this.#cluster, Math.ceil(share)))
        return true
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
        failures.push(error)
      }
    }
    return false
  }

  #use(link: AdminLink): void {
    this.#link?.retire()
    this.#link = link
    const names = new Set(this.#known.map(formatAddress))
    this.#known.push(...link.masters.filter((master) => !names.has(formatAddress(master))))
    link.onEvent = (entry) => this.onEvent(entry)
    link.onClose = () => this.onClose()
    if (this.#isClosed) link.close()
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

function isStandby(error: unknown): boolean {
  return error instanceof IcfError && error.code === 'STANDBY'
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
