import {
  auditSlotsMessage,
  NONE,
  readSlotsAudited,
  type AuditStatus,
  type Differences,
  type Message,
  type Topology,
} from '@icf/common'
import type { Effect, LinkId } from './events.js'
import type { Membership } from './membership.js'

/** Slots that one server compares for the master at a time. */
const SLOTS_AT_ONCE = 64

/** A slot that could not be compared is asked for again after so many ms, and so many times: it may be about to move. */
const RETRY_MS = 500
const MAX_ATTEMPTS = 20

/**
 * How long it is waited, in ms, for somebody to have slots that nobody can compare now, or to be heard who has them, while not
 * all is in its place.
 */
const PATIENCE_MS = 10_000

/** What one server was asked to compare. */
interface Order {
  readonly epoch: number
  readonly number: number
  readonly link: LinkId
  readonly slots: readonly number[]
}

/** One comparison of all slots with their backups. */
interface Round {
  readonly number: number
  readonly startedAt: number
  /** Of the schedule: done up to this time of day, in ms, with its end. */
  readonly until: number | undefined
  /** Slots that are still to be compared. */
  readonly open: Set<number>
  readonly attempts: Uint8Array
  /** By slot: not asked for again before. */
  readonly notBefore: Float64Array
  /** When something was compared, or was being compared, last. */
  busyAt: number
  endedAt: number | undefined
}

const NO_DIFFERENCES: Differences = { missing: 0, extra: 0, different: 0, unmended: 0 }

/** Has the primaries of all slots compare them with their backups, some at a time; at most one round at once. */
export class Audit {
  readonly #orders = new Map<string, Order>()
  #lastOrder = 0
  #round: Round | undefined
  #found = NO_DIFFERENCES
  /** Of this term. */
  #totals = { slots: 0, ...NO_DIFFERENCES }

  /** @param epochNow of this term, which is a later one once servers told of topologies that this master had lost */
  constructor(private readonly epochNow: () => number) {}

  get isRunning(): boolean {
    return this.#round !== undefined && this.#round.endedAt === undefined
  }

  get totals(): Differences & { readonly slots: number } {
    return this.#totals
  }

  /** Of the newest round of this term; undefined: there was none. */
  status(now: number): AuditStatus | undefined {
    const round = this.#round
    if (!round) return undefined
    const slots = round.attempts.length
    return {
      epoch: this.epochNow(),
      round: round.number,
      running: this.isRunning,
      slots,
      compared: slots - round.open.size,
      ...this.#found,
      ms: Math.round((round.endedAt ?? now) - round.startedAt),
      endedMsAgo: round.endedAt === undefined ? null : Math.round(now - round.endedAt),
    }
  }

  /** Unless a round is under way. @param until of the schedule: with the end of it all is done up to then */
  begin(slotCount: number, until: number | undefined, now: number): void {
    if (this.isRunning) return
    this.#orders.clear()
    this.#found = NO_DIFFERENCES
    this.#round = {
      number: (this.#round?.number ?? 0) + 1,
      startedAt: now,
      until,
      open: new Set(Array.from({ length: slotCount }, (_, slot) => slot)),
      attempts: new Uint8Array(slotCount),
      notBefore: new Float64Array(slotCount).fill(-Infinity),
      busyAt: now,
      endedAt: undefined,
    }
  }

  /** What came of an order; of one that is over, nothing is taken. @throws IcfError PROTOCOL */
  said(server: string, link: LinkId, message: Message, now: number): void {
    const order = this.#orders.get(server)
    const round = this.#round
    const audited = readSlotsAudited(message, round?.attempts.length ?? Infinity)
    if (!round || order?.number !== audited.number || audited.epoch !== order.epoch || order.link !== link)
      return
    this.#orders.delete(server)
    for (const slot of order.slots) {
      round.attempts[slot]!++
      round.notBefore[slot] = now + RETRY_MS
    }
    let compared = 0
    for (const slot of audited.slots) if (round.open.delete(slot)) compared++
    if (compared > 0) round.busyAt = now
    const { missing, extra, different, unmended } = audited
    this.#found = sum(this.#found, { missing, extra, different, unmended })
    this.#totals = { slots: this.#totals.slots + compared, ...sum(this.#totals, audited) }
  }

  /**
   * Goes on with the round.
   * @param isSettled whether all is in its place: what nobody can compare now, nobody can later
   * @returns what is to be sent; the round, when it has ended
   */
  advance(
    topology: Topology,
    membership: Membership,
    isSettled: boolean,
    now: number,
  ): { readonly effects: Effect[]; readonly ended?: { readonly until: number | undefined } } {
    const round = this.#round
    if (!round || !this.isRunning) return { effects: [] }
    for (const [id, { link }] of this.#orders) if (membership.get(id)?.link !== link) this.#orders.delete(id)
    const effects = this.#ask(round, topology, membership, now)
    const isHeard = (id: string): boolean => membership.isHeard(id, now)
    if ([...this.#orders.keys()].some(isHeard)) round.busyAt = now
    if (hasChances(round, topology, membership, now)) return { effects }
    // One whose link breaks is back in a moment.
    const isAtRest = isSettled && topology.servers.every((server) => !server || isHeard(server.id))
    if (!(isAtRest && this.#orders.size === 0) && now < round.busyAt + PATIENCE_MS) return { effects }
    round.endedAt = now
    this.#orders.clear()
    return { effects, ended: { until: round.until } }
  }

  #ask(round: Round, topology: Topology, membership: Membership, now: number): Effect[] {
    const bySeat = new Map<number, number[]>()
    const free = new Set<number>()
    topology.servers.forEach((server, seat) => {
      if (server && !this.#orders.has(server.id) && canAsk(membership, server.id)) free.add(seat)
    })
    if (free.size === 0) return []
    for (const slot of round.open) {
      const seat = topology.primary[slot]!
      if (!free.has(seat) || topology.backup[slot] === NONE) continue
      if (now < round.notBefore[slot]! || round.attempts[slot]! >= MAX_ATTEMPTS) continue
      const slots = bySeat.get(seat)
      if (!slots) bySeat.set(seat, [slot])
      else if (slots.push(slot) === SLOTS_AT_ONCE) {
        free.delete(seat)
        if (free.size === 0) break
      }
    }
    const effects: Effect[] = []
    for (const [seat, slots] of bySeat) {
      const { id } = topology.servers[seat]!
      const link = membership.get(id)!.link!
      const [epoch, number] = [this.epochNow(), ++this.#lastOrder]
      this.#orders.set(id, { epoch, number, link, slots })
      effects.push({
        type: 'send',
        links: [link],
        message: auditSlotsMessage({ epoch, number, slots }),
      })
    }
    return effects
  }
}

/** Whether some slot can be compared by and by, as things are. */
function hasChances(
  { open, attempts }: Round,
  { primary, backup, servers }: Topology,
  membership: Membership,
  now: number,
): boolean {
  for (const slot of open) {
    const server = servers[primary[slot]!]
    if (!server || backup[slot] === NONE || attempts[slot]! >= MAX_ATTEMPTS) continue
    if (canAsk(membership, server.id) && membership.isHeard(server.id, now)) return true
  }
  return false
}

/** Whether the server is there, and of a release that knows audits. */
function canAsk(membership: Membership, id: string): boolean {
  const member = membership.get(id)
  return member?.link !== undefined && member.absentSince === undefined && member.canCompare
}

function sum(one: Differences, other: Differences): Differences {
  return {
    missing: one.missing + other.missing,
    extra: one.extra + other.extra,
    different: one.different + other.different,
    unmended: one.unmended + other.unmended,
  }
}
