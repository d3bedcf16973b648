import { presentServers, type Clock, type Electorate, type Timing, type Topology } from '@icf/common'
import { formatAddress, type Address } from '@icf/common/node'
import { chooseCouncil, sameCouncil, type Candidate } from '../../core/index.js'

interface Master {
  /** Undefined once another one is at its address: its process is gone, and with its disk it would be itself. */
  readonly where: string | undefined
  readonly machine: string
}

/** Knows who is there to vote, and so who is to vote next. */
export class CouncilKeeper {
  /** By id, all that were met. */
  readonly #masters = new Map<string, Master>()
  /** By id, cache servers that are connected, or were as members: since when they are not. */
  readonly #lostAt = new Map<string, number>()
  #topology: Topology | undefined

  constructor(
    private readonly clock: Clock,
    private readonly timing: Timing,
  ) {}

  masterSeen(id: string, address: Address, machine: string): void {
    const where = formatAddress(address)
    for (const [other, master] of this.#masters)
      if (master.where === where && other !== id) this.#masters.set(other, { ...master, where: undefined })
    this.#masters.set(id, { where, machine })
  }

  serverSeen(id: string): void {
    this.#lostAt.set(id, Infinity)
  }

  serverLost(id: string): void {
    if (this.#isMember(id)) this.#lostAt.set(id, this.clock.now())
    else this.#lostAt.delete(id)
  }

  /** Only servers of the topology have a say. */
  follow(topology: Topology): void {
    this.#topology = topology
    for (const [id, at] of this.#lostAt) if (at < Infinity && !this.#isMember(id)) this.#lostAt.delete(id)
  }

  /** One change at a time: first the others and those of before, then the others alone. @returns `present` when all is well */
  next(present: Electorate): Electorate {
    if (present.former) return { ...present, former: undefined }
    const council = chooseCouncil(present, this.#candidates(present), this.#servers())
    if (sameCouncil(council, present)) return present
    return { ...council, former: { voters: present.voters, masters: present.masters } }
  }

  /** Those that have a vote, also such as are away; and those that were met since. */
  #candidates(present: Electorate): Candidate[] {
    const ids = new Set([...present.masters, ...this.#masters.keys()])
    const isReplaced = (id: string): boolean =>
      this.#masters.has(id) && this.#masters.get(id)!.where === undefined
    return [...ids]
      .filter((id) => !isReplaced(id))
      .map((id) => ({ id, machine: this.#masters.get(id)?.machine ?? '' }))
  }

  #servers(): Candidate[] {
    if (!this.#topology) return []
    const since = this.clock.now() - this.timing.deadAfterMs
    return presentServers(this.#topology).filter(
      ({ id, state }) => state === 'active' && (this.#lostAt.get(id) ?? -Infinity) > since,
    )
  }

  #isMember(id: string): boolean {
    return this.#topology?.servers.some((server) => server?.id === id) === true
  }
}
