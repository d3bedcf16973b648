import { limits, type Clock, type MasterInfo, type Topology } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import type { Sight } from './view.js'

/**
 * Which masters may become active: those that have a seat, by their addresses. A cache server that finds nobody at any address that
 * its topology lists is sure that no master is active. So one that comes is listed first, and has a seat once no server has a lease
 * any more by a version without it; it keeps that until an operator takes it away.
 */
export class Seats {
  /** By address, since when the topology in effect lists a master there. */
  #listedAt = new Map<string, number>()
  #longestLeaseMs: number

  /** @param deadAfterMs more than a lease, also by another clock */
  constructor(
    private readonly clock: Clock,
    private readonly deadAfterMs: number,
  ) {
    this.#longestLeaseMs = deadAfterMs
  }

  /** @param leaseMs with which leases may have been given before; 0: nobody knows */
  began(topology: Topology | undefined, leaseMs: number): void {
    this.#listedAt.clear()
    this.#longestLeaseMs = Math.max(this.deadAfterMs, leaseMs)
    if (topology) this.inEffect(topology)
  }

  inEffect({ masters }: Topology): void {
    const now = this.clock.now()
    const listed = masters.map(formatAddress)
    this.#listedAt = new Map(listed.map((where) => [where, this.#listedAt.get(where) ?? now]))
  }

  /** Those that a topology has to list: all that may become active, and others that are there. */
  listed({ seats = [], present }: Sight, self: MasterInfo): MasterInfo[] {
    const all = new Map([...seats, ...present.values(), self].map((info) => [formatAddress(info), info]))
    const isSeat = (info: MasterInfo): boolean => hasSeat(seats, info)
    const sorted = [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    return [...sorted.filter(isSeat), ...sorted.filter((info) => !isSeat(info))].slice(0, limits.maxMasters)
  }

  /**
   * Who is to have a seat next, where that is to change.
   * @param isConnected whether the active master has a link to the one that is there
   */
  next({ seats = [], present }: Sight, isConnected: (info: MasterInfo) => boolean): MasterInfo[] | undefined {
    const kept = seats.map((seat) => present.get(formatAddress(seat)) ?? seat)
    const listedBefore = this.clock.now() - this.#longestLeaseMs
    const come = [...present].filter(
      ([where, info]) =>
        !hasSeat(seats, info) && (this.#listedAt.get(where) ?? Infinity) <= listedBefore && isConnected(info),
    )
    const next = [...kept, ...come.map(([, info]) => info)].slice(0, limits.maxMasters)
    const isAsBefore = next.length === seats.length && next.every(({ id }, n) => id === seats[n]!.id)
    return isAsBefore ? undefined : next
  }
}

export function hasSeat(seats: readonly MasterInfo[], { host, port }: MasterInfo): boolean {
  return seats.some((seat) => seat.host === host && seat.port === port)
}
