import { compareVersions, type Topology } from '@icf/common'
import type { TermEvent, Terms } from '../masters/terms.js'
import { Violation } from './violation.js'

/**
 * Invariant 11: what is in effect is never undone. Each term begins with what was decided before it, or with something newer
 * that may have been; nothing is decided in an older term after that; and in a term each decision is newer than the one before.
 */
export class DecisionChecker {
  /** By version. */
  readonly #decided = new Map<string, Topology>()
  #newest: Topology | undefined
  /** The newest term that has begun. */
  #epoch = 0
  /** The newest with which a term of a later epoch began than the newest decision has. */
  #beganWith: { readonly epoch: number; readonly stored: Topology | undefined } | undefined

  constructor(private readonly terms: Terms) {}

  /** Of what has happened since it looked last. */
  check(): void {
    for (const event of this.terms.events.splice(0)) this.#happened(event)
  }

  #happened(event: TermEvent): void {
    if (event.type === 'began') this.#began(event.epoch, event.stored)
    else this.#decide(event.epoch, event.topology)
  }

  #began(epoch: number, stored: Topology | undefined): void {
    // One may find out late that it was elected, when another was after it: then it can decide nothing.
    if (epoch < this.#epoch) return
    if (epoch === this.#epoch) throw new Violation(`invariant 11: there are two terms ${epoch}`)
    this.#epoch = epoch
    this.#beganWith = { epoch, stored }
    const newest = this.#newest
    if (!newest) return
    if (!stored || isOlder(stored, newest))
      throw new Violation(
        `invariant 11: term ${epoch} begins with ${name(stored)}, though ${name(newest)} is in effect`,
      )
    const decided = this.#decided.get(name(stored))
    if (decided && !isSame(decided, stored))
      throw new Violation(`invariant 11: term ${epoch} begins with another ${name(stored)} than was decided`)
  }

  #decide(epoch: number, topology: Topology): void {
    const newest = this.#newest
    if (epoch < this.#epoch) {
      // It may be known late that it was decided: whoever was elected since has to have found it.
      const { stored } = this.#beganWith!
      if (!stored || isOlder(stored, topology))
        throw new Violation(
          `invariant 11: ${name(topology)} is decided, though term ${this.#epoch} began with ${name(stored)}`,
        )
    } else if (newest && !isOlder(newest, topology))
      throw new Violation(`invariant 11: ${name(topology)} is decided after ${name(newest)}`)
    this.#decided.set(name(topology), topology)
    if (!newest || isOlder(newest, topology)) this.#newest = topology
  }
}

function isOlder(topology: Topology, than: Topology): boolean {
  return compareVersions(topology.epoch, topology.version, than.epoch, than.version) < 0
}

/** What it says of slots and servers. */
function isSame(a: Topology, b: Topology): boolean {
  const ids = ({ servers }: Topology): string => servers.map((server) => server?.id).join()
  const isEqual = (one: Topology['primary'], other: Topology['primary']): boolean =>
    one.length === other.length && one.every((seat, slot) => seat === other[slot])
  return isEqual(a.primary, b.primary) && isEqual(a.backup, b.backup) && ids(a) === ids(b)
}

function name(topology: Topology | undefined): string {
  return topology ? `${topology.epoch}.${topology.version}` : 'nothing'
}
