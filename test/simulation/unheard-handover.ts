import type { Topology } from '@icf/common'
import type { SimCluster, SimServer } from './cluster.js'
import { LONGEST_DOWN_MS, LONGEST_MS, type Trouble } from './trouble.js'
import type { VirtualProcess } from './virtual/process.js'

/** Within this, a slot changes its primary, or does not any more, in ms. */
const MOVES_WITHIN_MS = 2_000

/** How long the new primary serves before the master dies, in ms: less than it takes until the old one counts as silent. */
const LEAST_SERVED_MS = 50
const MOST_SERVED_MS = 900

const LOOK_MS = 10

/**
 * Who gave a slot away is cut off before it hears that it did; who got it serves it for a while; then the master dies and
 * loses its state, and the next one is told two topologies, of which the old one has the slot where it was.
 */
export class UnheardHandover {
  constructor(
    private readonly cluster: SimCluster,
    private readonly trouble: Trouble,
  ) {}

  /** @returns for how long something is wrong at most, in ms; undefined: not possible now */
  begin(): number | undefined {
    const { trouble } = this
    const { decisions } = this.cluster.masters
    const { world } = this.cluster.network
    if (!trouble.canRestartMaster || decisions.written) return undefined
    if (trouble.join() === undefined && trouble.leave() === undefined) return undefined
    const written = (next: Topology, before: Topology | undefined): void => {
      const giver = before && this.#giver(next, before)
      if (!giver?.process.canRun) return
      decisions.written = undefined
      this.#cutOff(giver.process)
    }
    decisions.written = written
    world.after(MOVES_WITHIN_MS, () => {
      if (decisions.written === written) decisions.written = undefined
    })
    return MOVES_WITHIN_MS + MOST_SERVED_MS + LONGEST_DOWN_MS + LONGEST_MS
  }

  /** The old primary of a slot that is served without it from now on. */
  #giver(next: Topology, before: Topology): SimServer | undefined {
    const slot = before.primary.findIndex((seat, each) => {
      const holders = [next.primary[each], next.backup[each], next.transitions.get(each)?.to]
      return before.servers[seat] !== undefined && !holders.includes(seat)
    })
    return slot === -1 ? undefined : this.cluster.seats(before)[before.primary[slot]!]
  }

  #cutOff(giver: VirtualProcess): void {
    const { cluster, trouble } = this
    const { masters, network } = cluster
    const { process: master } = masters.acting
    const servedMs = network.world.random.between(LEAST_SERVED_MS, MOST_SERVED_MS)
    trouble.disturb(servedMs + LONGEST_DOWN_MS)
    for (const other of cluster.processes) if (other !== giver) network.cut(giver, other)
    const isReplaced = (): boolean => masters.acting.process !== master
    trouble.later(servedMs, () => {
      trouble.restartMaster((process) => process.kill(), trouble.losingState)
      trouble.once(isReplaced, LOOK_MS, () => {
        for (const other of cluster.processes) network.heal(giver, other)
        // What it waits for from the dead one would not come.
        for (const socket of network.socketsBetween(giver, master)) network.reset(socket)
      })
    })
  }
}
