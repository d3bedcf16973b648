import {
  IcfError,
  MessageType,
  readKeepAlive,
  readTopologyUpdate,
  type Message,
  type Registration,
  type Timing,
} from '@icf/common'
import type { Counters } from './counters.js'
import { fenced } from './detector.js'
import type { Hello, LinkId } from './events.js'
import { Inheritance, type Held } from './inheritance.js'
import type { Membership } from './membership.js'
import { unsoundSlot } from './sound.js'
import type { Versions } from './versions.js'

/**
 * Which cache servers are let in, and when: nobody before it is known that no one knows more than what was stored, and
 * nobody ever with data of another line of versions.
 */
export class Admission {
  readonly #membership: Membership
  readonly #versions: Versions
  readonly #counters: Counters
  /** Until it is decided with which topology this term goes on. */
  #inheritance: Inheritance | undefined
  #hasToldOfLoss = false

  constructor(membership: Membership, versions: Versions, counters: Counters) {
    this.#membership = membership
    this.#versions = versions
    this.#counters = counters
  }

  /** The term begins. @param windowMs how long the first servers wait for others; 0: not at all */
  begin(now: number, windowMs: number, timing: Timing): void {
    this.#inheritance = new Inheritance(now, this.#versions.effective.topology, windowMs, timing)
  }

  /** Whether servers still have to wait. */
  get isWaiting(): boolean {
    return this.#inheritance !== undefined
  }

  get #slotCount(): number {
    return this.#versions.effective.topology.primary.length
  }

  /** Whether the server on this link has to wait. */
  holds(link: LinkId): boolean {
    return this.#inheritance?.holds(link) === true
  }

  /**
   * A cache server came while they have to wait.
   * @param isEarlier as of the event `linkOpened`
   * @returns whether it is to be asked for its topology
   * @throws IcfError the refusal
   */
  hold(link: LinkId, hello: Hello, isEarlier: boolean, now: number): boolean {
    const { epoch, version } = this.#membership.admit(hello, this.#versions.changes)
    const isAhead = !this.#versions.isKnown(epoch, version)
    this.#inheritance!.hold({ link, hello, isAhead, isToTell: isEarlier }, now)
    return isAhead
  }

  /**
   * What a server says that has to wait.
   * @returns whether it is to be asked for its topology
   * @throws IcfError PROTOCOL, BUSY
   */
  said(link: LinkId, message: Message, now: number): boolean {
    if (message[0] === MessageType.DISTRIBUTION_RESPOND) {
      this.#told(link, message)
      return false
    }
    if (!this.#inheritance!.said(link, message))
      throw new IcfError('BUSY', 'too many messages before this master has begun: connect again')
    if (message[0] !== MessageType.KEEP_ALIVE) return false
    const { epoch, version } = readKeepAlive(message)
    return this.#inheritance!.follows(link, !this.#versions.isKnown(epoch, version), now)
  }

  #told(link: LinkId, message: Message): void {
    const topology = readTopologyUpdate(message, undefined, this.#slotCount)
    if (!topology)
      throw new IcfError('PROTOCOL', 'the topology that was asked for must be whole, got a difference')
    const unsound = unsoundSlot(topology)
    if (unsound !== undefined)
      throw new IcfError('PROTOCOL', `the topology that was asked for is not sound: see slot ${unsound}`)
    this.#inheritance!.told(link, topology)
  }

  lost(link: LinkId): void {
    this.#inheritance?.lost(link)
  }

  /**
   * Decides, when it is time, to go on where the servers that run are, or with what was stored. All members have the same
   * grace from then on.
   * @returns those that are let in now; undefined: they still wait, or did not have to
   */
  decide(now: number): { readonly waiting: readonly Held[]; readonly isAnotherLine: boolean } | undefined {
    if (!this.#inheritance?.isDecided(now)) return undefined
    const { newest, waiting } = this.#inheritance
    this.#inheritance = undefined
    this.#membership.began(now)
    if (newest) {
      this.#versions.adopt(newest)
      this.#membership.adopt(newest, now)
      const reason = `epoch ${newest.epoch}, version ${newest.version}`
      this.#versions.changes.events.push({ type: 'TOPOLOGY_ADOPTED', reason })
    }
    return { waiting, isAnotherLine: newest !== undefined }
  }

  /**
   * Whether a later master led this server: where another can be active, this one is the stale one then, and what the server
   * follows is not of a lost state.
   */
  isLater(epoch: number, validUntil: number): boolean {
    return validUntil !== Infinity && epoch > this.#versions.epoch
  }

  /**
   * Whoever holds data by a topology that is not of this master's line, or is no member any more, must begin empty.
   * @throws IcfError FENCED
   */
  check({ info, epoch, version }: Registration): void {
    const isMember = this.#membership.get(info.id) !== undefined
    if (this.#versions.isKnown(epoch, version)) {
      if (version > 0 && !isMember) throw fenced('this incarnation was declared dead')
      return
    }
    if (!isMember) this.#tellOfLoss()
    throw fenced('this server follows a topology that its master does not know')
  }

  /** What such servers held is said once, and in full only when it was everything. */
  #tellOfLoss(): void {
    if (this.#hasToldOfLoss) return
    this.#hasToldOfLoss = true
    const { changes, isNew } = this.#versions
    const reason = 'cache servers follow a topology that this master does not know'
    changes.events.push({ type: 'DATA_LOST', reason, ...(isNew && { slots: this.#slotCount }) })
    changes.draft.touch()
    this.#versions.hurry()
    if (isNew) this.#counters.forgot(this.#slotCount)
  }
}
