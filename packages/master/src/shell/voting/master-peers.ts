import {
  IcfError,
  readMasterDetails,
  type Introduction,
  type MasterDetails,
  type Message,
  type Runtime,
} from '@icf/common'
import { formatAddress, isRefused, Redialer, watchLiveness, type Address, type Link } from '@icf/common/node'

const DIAL_TIMEOUT_MS = 500
const MAX_DIAL_TIMEOUT_MS = 4000
const MIN_DELAY_MS = 20
const MAX_DELAY_MS = 200

/** Another master that is connected. */
export interface PeerMaster {
  readonly id: string
  /** As it said when the link opened. */
  readonly details: MasterDetails
  readonly link: Link
}

export interface MasterPeersOptions {
  /** Id of this master: at one of the addresses there may be itself. */
  self(): string
  introduce(): Introduction
  opened(peer: PeerMaster): void
  lost(peer: PeerMaster): void
  message(peer: PeerMaster, message: Message): void
  /** No process listens any more where this master was: an attempt to connect that began at `startedAt` was refused. */
  gone(id: string, startedAt: number): void
  /** What is there can not be used, as an attempt showed that began at `startedAt`. */
  failed(where: string, error: IcfError, startedAt: number): void
}

interface Way {
  readonly redialer: Redialer
  /** Who was there last. */
  last: PeerMaster | undefined
  /** Undefined while there is no link; 'self' when it leads back here. */
  present: PeerMaster | 'self' | undefined
}

/** Links to all other masters, on which they are asked for their votes, for as long as this master lives. */
export class MasterPeers {
  readonly #ways = new Map<string, Way>()

  constructor(
    private readonly runtime: Runtime,
    private readonly options: MasterPeersOptions,
  ) {}

  /** Goes on trying to connect there. */
  add(address: Address): void {
    const where = formatAddress(address)
    if (this.#ways.has(where)) return
    const redialer = new Redialer(this.runtime, {
      address,
      introduce: () => this.options.introduce(),
      timeoutMs: DIAL_TIMEOUT_MS,
      maxTimeoutMs: MAX_DIAL_TIMEOUT_MS,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      opened: (link) => this.#opened(where, link),
      failed: (error, startedAt) => this.#failed(where, error, startedAt),
    })
    this.#ways.set(where, { redialer, last: undefined, present: undefined })
  }

  /** The master at each address that was added, but this one; undefined where none is connected. */
  get all(): (PeerMaster | undefined)[] {
    return [...this.#ways.values()].map(({ present }) => present).filter((peer) => peer !== 'self')
  }

  /** Whether it is this master that is found at that address. */
  isSelf(address: Address): boolean {
    return this.#ways.get(formatAddress(address))?.present === 'self'
  }

  stop(): void {
    for (const { redialer, present } of this.#ways.values()) {
      redialer.stop()
      if (present && present !== 'self') present.link.close(1001, 'the master shuts down')
    }
  }

  #opened(where: string, link: Link): void {
    const way = this.#ways.get(where)!
    const peer = this.#introduced(where, link)
    if (!peer) {
      link.handlers = { message: () => undefined, close: () => way.redialer.lost() }
      return link.terminate()
    }
    if (peer.id === this.options.self()) {
      way.present = 'self'
      way.redialer.stop()
      link.handlers = { message: () => undefined, close: () => undefined }
      return link.close()
    }
    way.last = way.present = peer
    watchLiveness(this.runtime, link)
    this.options.opened(peer)
    link.handlers = {
      message: (message) => this.#message(peer, message),
      close: () => {
        way.present = undefined
        this.options.lost(peer)
        way.redialer.lost()
      },
    }
  }

  #introduced(where: string, link: Link): PeerMaster | undefined {
    const { remote } = link
    try {
      if (remote.role !== 'master')
        throw new IcfError(
          'WRONG_ROLE',
          `it is a ${remote.role.replace('-', ' ')}, not a master: check --peers`,
        )
      return { id: remote.id, details: readMasterDetails(remote), link }
    } catch (error) {
      this.options.failed(where, error as IcfError, this.runtime.now())
      return undefined
    }
  }

  #message(peer: PeerMaster, message: Message): void {
    try {
      this.options.message(peer, message)
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      peer.link.refuse(error)
    }
  }

  #failed(where: string, error: IcfError, startedAt: number): void {
    const { last } = this.#ways.get(where)!
    if (last && isRefused(error)) this.options.gone(last.id, startedAt)
    this.options.failed(where, error, startedAt)
  }
}
