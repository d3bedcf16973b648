import { compareVersions, NONE, SLOT_COUNT, type Topology } from '@icf/common'
import { Violation } from './violation.js'

/** Nobody follows an older topology (invariant 5), and each makes sense by itself. */
export class TopologyOrderChecker {
  readonly #latest = new Map<string, Topology>()
  readonly #sound = new WeakSet<Topology>()

  adopted(serverId: string, topology: Topology): void {
    const before = this.#latest.get(serverId)
    if (before === topology) return
    if (before && compareVersions(topology.epoch, topology.version, before.epoch, before.version) <= 0)
      throw new Violation(
        `${serverId.slice(0, 6)} went from version ${before.version} back to ${topology.version}`,
      )
    this.#latest.set(serverId, topology)
    if (!this.#sound.has(topology)) checkSound(topology)
    this.#sound.add(topology)
  }
}

function checkSound({ primary, backup, servers, transitions, version }: Topology): void {
  const isVacant = (seat: number): boolean => seat !== NONE && !servers[seat]
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const [first, second] = [primary[slot]!, backup[slot]!]
    if (first === second && first !== NONE)
      throw new Violation(`version ${version}: slot ${slot} is its own backup`)
    if (isVacant(first) || isVacant(second))
      throw new Violation(`version ${version}: slot ${slot} is on a vacant seat`)
  }
  for (const [slot, { to }] of transitions)
    if (!servers[to] || to === primary[slot])
      throw new Violation(`version ${version}: slot ${slot} moves to ${to}`)
}
