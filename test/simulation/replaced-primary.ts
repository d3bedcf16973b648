import { NONE, type Topology } from '@icf/common'
import type { SimCluster, SimServer } from './cluster.js'
import type { Trouble } from './trouble.js'

/** How late a word of the primary is, in ms: as late as a link may be on which nothing else comes. */
const LEAST_DELAY_MS = 2_500
const MOST_DELAY_MS = 2_950

/** Within this, the primary has something to say to its backup, in ms. */
const SAID_WITHIN_MS = 300

/** Within this, its backup has taken over from one that stands still, in ms. */
const REPLACED_WITHIN_MS = 2_000

const LOOK_MS = 5

/**
 * What a primary sent its backup arrives when that one has taken over from it, and has given the slot back: it has been its
 * backup without a break then, as far as its copy goes. The primary stays a member meanwhile for what only it has, since
 * another one dies as it falls silent; and nobody else is there to take part in its slots.
 */
export class ReplacedPrimary {
  constructor(
    private readonly cluster: SimCluster,
    private readonly trouble: Trouble,
  ) {}

  /** @returns for how long something is wrong at most, in ms; undefined: not possible now */
  begin(): number | undefined {
    const { network } = this.cluster
    const { world } = network
    const primary = this.trouble.server()
    const backup = primary && this.trouble.backupOf(primary)
    const third = backup && this.#onlyOther([primary, backup])
    if (!third || !this.#share(primary, third) || !this.trouble.canDestroy()) return undefined
    const delayMs = world.random.between(LEAST_DELAY_MS, MOST_DELAY_MS)
    for (const socket of network.socketsBetween(primary.process, backup.process))
      if (!socket.isAccepted) network.holdUp(socket, delayMs)
    const untilMs = world.now + SAID_WITHIN_MS
    const isSaid = (): boolean | undefined =>
      world.now <= untilMs ? this.#isSaid(primary, backup) : undefined
    this.trouble.once(isSaid, LOOK_MS, () => this.#replace(primary, backup, third, delayMs))
    return SAID_WITHIN_MS + delayMs + REPLACED_WITHIN_MS
  }

  /** Somebody on the one machine on which there are others than these. */
  #onlyOther(pair: readonly SimServer[]): SimServer | undefined {
    const others = this.cluster.servers.filter((server) => !pair.includes(server))
    const machines = new Set(this.cluster.servers.map(({ process }) => process.machine))
    const isAlone = machines.size === 3 && new Set(others.map(({ process }) => process.machine)).size === 1
    return isAlone ? others[0] : undefined
  }

  /** Whether the two have the two copies of a slot. */
  #share(one: SimServer, other: SimServer): boolean {
    const { topology } = this.cluster
    if (!topology) return false
    const seats = this.cluster
      .seats(topology)
      .map((server) => server !== undefined && [one, other].includes(server))
    return topology.primary.some(
      (seat, slot) => seats[seat] === true && seats[topology.backup[slot]!] === true,
    )
  }

  /** Whether something is on its way to the backup; undefined when one of them does not run. */
  #isSaid(primary: SimServer, backup: SimServer): boolean | undefined {
    if (!primary.process.canRun || !backup.process.canRun) return undefined
    return primary.incarnation.core.slots.backup.some(
      (channel) => channel?.peerId === backup.incarnation.id && channel.bytesInFlight > 0,
    )
  }

  #replace(primary: SimServer, backup: SimServer, third: SimServer, delayMs: number): void {
    const { trouble } = this
    const { world } = this.cluster.network
    const before = this.cluster.topology
    if (!before || trouble.kill((process) => process.kill(), third) === undefined) return
    trouble.stop(primary.process, REPLACED_WITHIN_MS)
    trouble.disturb(delayMs)
    const hasTakenOver = (): boolean | undefined => {
      const { topology } = this.cluster
      if (topology && this.#hasTakenOver(backup, primary, before, topology)) return true
      return primary.process.isStopped ? false : undefined
    }
    trouble.once(hasTakenOver, LOOK_MS, () =>
      trouble.later(world.random.between(0, 100), () => trouble.goOn(primary.process)),
    )
  }

  #hasTakenOver(backup: SimServer, primary: SimServer, before: Topology, now: Topology): boolean {
    const [seatsBefore, seats] = [this.cluster.seats(before), this.cluster.seats(now)]
    return before.primary.some(
      (seat, slot) => seat !== NONE && seatsBefore[seat] === primary && seats[now.primary[slot]!] === backup,
    )
  }
}
