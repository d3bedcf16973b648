import { compareVersions, NONE, type Topology } from '@icf/common'
import type { Decisions } from '../masters/decisions.js'
import { Violation } from './violation.js'

/** What a topology is told from others by. */
type Stamp = Pick<Topology, 'epoch' | 'version'>

/** Invariants 5 and 6: nobody follows an older topology, or one that is not safe yet; and each makes sense by itself. */
export class TopologyOrderChecker {
  readonly #latest = new Map<string, Stamp>()
  readonly #sound = new WeakSet<Topology>()

  constructor(private readonly decisions: Decisions) {}

  /** @param who an incarnation of a server */
  follows(who: string, topology: Topology): void {
    if (topology.version === 0 || !this.hasSeen(who, topology)) return
    if (!this.#sound.has(topology)) checkSound(topology)
    this.#sound.add(topology)
  }

  /**
   * @param who an incarnation of a server, or a client
   * @returns whether it is another one than before
   */
  hasSeen(who: string, stamp: Stamp): boolean {
    const before = this.#latest.get(who)
    const { epoch, version } = stamp
    if (before === stamp || version === 0) return false
    if (before && compareVersions(epoch, version, before.epoch, before.version) <= 0)
      throw new Violation(
        `invariant 5: ${who} went from ${before.epoch}.${before.version} to ${epoch}.${version}`,
      )
    if (!this.decisions.hasCommitted(epoch, version))
      throw new Violation(`invariant 6: ${who} follows ${epoch}.${version}, which is not safe yet`)
    this.#latest.set(who, stamp)
    return true
  }
}

function checkSound({ primary, backup, servers, transitions, version }: Topology): void {
  const isVacant = (seat: number): boolean => seat !== NONE && !servers[seat]
  for (let slot = 0; slot < primary.length; slot++) {
    const [first, second] = [primary[slot]!, backup[slot]!]
    if (first === second && first !== NONE)
      throw new Violation(`invariant 5: version ${version}: slot ${slot} is its own backup`)
    if (isVacant(first) || isVacant(second))
      throw new Violation(`invariant 5: version ${version}: slot ${slot} is on a vacant seat`)
  }
  for (const [slot, { to }] of transitions)
    if (!servers[to] || to === primary[slot])
      throw new Violation(`invariant 5: version ${version}: slot ${slot} moves to ${to}`)
}
