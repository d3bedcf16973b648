import {
  limits,
  presentServers,
  type Clock,
  type Electorate,
  type MasterInfo,
  type Topology,
} from '@icf/common'
import { chooseCouncil, sameCouncil, type Candidate } from '../../core/index.js'

interface Master {
  readonly info: MasterInfo
  /** For good, as far as anybody knows: an operator says so; or another one is at its address, which with its disk would be itself. */
  readonly isGone: boolean
}

/** Knows which masters there are, and who is there to vote; and so who is to vote next. */
export class CouncilKeeper {
  /** By id, all that were met, and those of the topology. */
  readonly #masters = new Map<string, Master>()
  /** Since when the topology in effect lists a master, by id. */
  #listedAt = new Map<string, number>()
  /** By id, cache servers that are connected, or were as members: since when they are not. */
  readonly #lostAt = new Map<string, number>()
  #topology: Topology | undefined
  #longestLeaseMs: number

  /** @param deadAfterMs more than a lease, also by another clock */
  constructor(
    private readonly clock: Clock,
    private readonly deadAfterMs: number,
  ) {
    this.#longestLeaseMs = deadAfterMs
  }

  masterSeen(info: MasterInfo): void {
    for (const [id, master] of this.#masters)
      if (id !== info.id && isAtOneAddress(master.info, info))
        this.#masters.set(id, { ...master, isGone: true })
    this.#masters.set(info.id, { info, isGone: false })
  }

  /** Masters that others know: those that were met tell better themselves. @returns those that are new */
  learn(masters: readonly MasterInfo[]): MasterInfo[] {
    const news = masters.filter(({ id }) => !this.#masters.has(id))
    for (const info of news) {
      const isGone = [...this.#masters.values()].some((met) => isAtOneAddress(met.info, info))
      this.#masters.set(info.id, { info, isGone })
    }
    return news
  }

  /** It will not come back: it is to have no vote any more. */
  forget(id: string): void {
    const master = this.#masters.get(id)
    if (master) this.#masters.set(id, { ...master, isGone: true })
  }

  isKnown(id: string): boolean {
    return this.#masters.has(id)
  }

  serverSeen(id: string): void {
    this.#lostAt.set(id, Infinity)
  }

  serverLost(id: string): void {
    if (this.#isMember(id)) this.#lostAt.set(id, this.clock.now())
    else this.#lostAt.delete(id)
  }

  /**
   * A term begins, with what was in effect.
   * @param leaseMs with which leases may have been given before; 0: nobody knows
   */
  began(topology: Topology | undefined, leaseMs: number): void {
    this.#listedAt.clear()
    this.#topology = undefined
    this.#longestLeaseMs = Math.max(this.deadAfterMs, leaseMs)
    if (topology) this.inEffect(topology)
  }

  /** Only servers of it have a say, and masters of which all servers know. */
  inEffect(topology: Topology): void {
    this.#topology = topology
    const now = this.clock.now()
    this.#listedAt = new Map(topology.masters.map(({ id }) => [id, this.#listedAt.get(id) ?? now]))
    for (const [id, at] of this.#lostAt) if (at < Infinity && !this.#isMember(id)) this.#lostAt.delete(id)
  }

  /** Those that a topology has to list: all that can become active now, and others that were met. */
  listed(present: Electorate): MasterInfo[] {
    const votes = ({ info: { id } }: Master): boolean =>
      present.masters.includes(id) || present.former?.masters.includes(id) === true
    const [voters, others] = [[], []] as [MasterInfo[], MasterInfo[]]
    for (const master of this.#masters.values())
      if (votes(master)) voters.push(master.info)
      else if (!master.isGone) others.push(master.info)
    return [...voters, ...others].slice(0, limits.maxMasters).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** One change at a time: first the others and those of before, then the others alone. @returns `present` when all is well */
  next(present: Electorate): Electorate {
    if (present.former) return { ...present, former: undefined }
    const council = chooseCouncil(present, this.#candidates(present), this.#servers())
    if (sameCouncil(council, present)) return present
    return { ...council, former: { voters: present.voters, masters: present.masters } }
  }

  /**
   * Those that have a vote, also such as are away; and those that were met since, once all servers that may have a lease know
   * them: one that does not would take it that nobody is active when the others are gone.
   */
  #candidates(present: Electorate): Candidate[] {
    const listedBefore = this.clock.now() - this.#longestLeaseMs
    const waited = [...this.#listedAt].filter(([, at]) => at <= listedBefore).map(([id]) => id)
    return [...new Set([...present.masters, ...waited])]
      .filter((id) => this.#masters.get(id)?.isGone !== true)
      .map((id) => ({ id, machine: this.#masters.get(id)?.info.machine ?? '' }))
  }

  #servers(): Candidate[] {
    if (!this.#topology) return []
    const since = this.clock.now() - this.deadAfterMs
    return presentServers(this.#topology).filter(
      ({ id, state }) => state === 'active' && (this.#lostAt.get(id) ?? -Infinity) > since,
    )
  }

  #isMember(id: string): boolean {
    return this.#topology?.servers.some((server) => server?.id === id) === true
  }
}

function isAtOneAddress(a: MasterInfo, b: MasterInfo): boolean {
  return a.host === b.host && a.port === b.port
}
