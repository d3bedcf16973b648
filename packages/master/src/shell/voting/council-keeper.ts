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
  /** As the topology is to list it. */
  readonly info: MasterInfo
  /**
   * It has no vote for much longer: an operator says that it will not come back; or another one is at its address, which with its
   * disk would be itself; or it is at another one.
   */
  readonly isGone: boolean
  /** Where it is by now. It is listed, and gets a vote, there once it has none any more: servers look for it where it was. */
  readonly moved: MasterInfo | undefined
}

/** Knows which masters there are, and who is there to vote; and so who is to vote next. */
export class CouncilKeeper {
  /** By id, all that were met, and those of the topology. */
  readonly #masters = new Map<string, Master>()
  /** Since when the topology in effect lists a master where it does, by id and address. */
  #listedAt = new Map<string, number>()
  /** By id, cache servers that are connected, or were as members: since when they are not. */
  readonly #lostAt = new Map<string, number>()
  #topology: Topology | undefined
  #longestLeaseMs: number

  /**
   * @param deadAfterMs more than a lease, also by another clock
   * @param isConnected whether that master is there now
   */
  constructor(
    private readonly clock: Clock,
    private readonly deadAfterMs: number,
    private readonly isConnected: (id: string) => boolean,
  ) {
    this.#longestLeaseMs = deadAfterMs
  }

  masterSeen(info: MasterInfo): void {
    for (const [id, master] of this.#masters)
      if (id !== info.id && isAtOneAddress(master.info, info))
        this.#masters.set(id, { ...master, isGone: true })
    const known = this.#masters.get(info.id)
    const hasMoved = known !== undefined && !isAtOneAddress(known.info, info)
    if (hasMoved) this.#masters.set(info.id, { info: known.info, isGone: true, moved: info })
    else this.#masters.set(info.id, { info, isGone: false, moved: undefined })
  }

  /** Masters that others know: those that were met tell better themselves. @returns those that are new */
  learn(masters: readonly MasterInfo[]): MasterInfo[] {
    const news = masters.filter(({ id }) => !this.#masters.has(id))
    for (const info of news) {
      const others = [...this.#masters.values()].filter((met) => isAtOneAddress(met.info, info))
      const isGone = others.some((met) => this.isConnected(met.info.id))
      for (const met of others) if (!isGone) this.#masters.set(met.info.id, { ...met, isGone: true })
      this.#masters.set(info.id, { info, isGone, moved: undefined })
    }
    return news
  }

  /** It will not come back: it is to have no vote any more. */
  forget(id: string): void {
    const master = this.#masters.get(id)
    if (master) this.#masters.set(id, { info: master.info, isGone: true, moved: undefined })
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
    if (!topology) return
    // One that is not there, and was given up in another's term, is not to come back by what this one knew of it before.
    const isListed = (id: string): boolean => topology.masters.some((master) => master.id === id)
    for (const id of this.#masters.keys())
      if (!isListed(id) && !this.isConnected(id)) this.#masters.delete(id)
    // One that was met elsewhere before this one knew where servers look for it.
    for (const info of topology.masters) {
      const known = this.#masters.get(info.id)
      if (known && !isAtOneAddress(known.info, info))
        this.#masters.set(info.id, { info, isGone: true, moved: known.moved ?? known.info })
    }
    this.inEffect(topology)
  }

  /** Only servers of it have a say, and masters of which all servers know. */
  inEffect(topology: Topology): void {
    this.#topology = topology
    const now = this.clock.now()
    const listed = topology.masters.map(placeOf)
    this.#listedAt = new Map(listed.map((place) => [place, this.#listedAt.get(place) ?? now]))
    for (const [id, at] of this.#lostAt) if (at < Infinity && !this.#isMember(id)) this.#lostAt.delete(id)
  }

  /** Those that a topology has to list: all that can become active now, and others that were met. */
  listed(present: Electorate): MasterInfo[] {
    const [voters, others] = [[], []] as [MasterInfo[], MasterInfo[]]
    for (const master of this.#masters.values())
      if (hasVote(present, master)) voters.push(master.info)
      else if (master.moved) others.push(master.moved)
      else if (!master.isGone) others.push(master.info)
    return [...voters, ...others].slice(0, limits.maxMasters).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * One change at a time: first the others and those of before, then the others alone.
   * @param self the active master
   * @returns `present` when all is well
   */
  next(present: Electorate, self: string): Electorate {
    if (present.former) return { ...present, former: undefined }
    for (const [id, master] of this.#masters)
      if (master.moved && !hasVote(present, master))
        this.#masters.set(id, { info: master.moved, isGone: false, moved: undefined })
    const masters = this.#candidates(present)
    const isOneAway = !masters.every(({ id }) => this.isConnected(id))
    const council = chooseCouncil(present, masters, this.#servers(), isOneAway ? self : undefined)
    if (sameCouncil(council, present)) return present
    return { ...council, former: { voters: present.voters, masters: present.masters } }
  }

  /**
   * Those that have a vote, also such as are away; and those that were met since, once all servers that may have a lease know
   * them: one that does not would take it that nobody is active when the others are gone.
   */
  #candidates(present: Electorate): Candidate[] {
    const listedBefore = this.clock.now() - this.#longestLeaseMs
    const hasWaited = ({ info }: Master): boolean =>
      (this.#listedAt.get(placeOf(info)) ?? Infinity) <= listedBefore
    const isPresent = (id: string): boolean => present.masters.includes(id)
    const others = [...this.#masters].filter(([id, master]) => !isPresent(id) && hasWaited(master))
    return [...present.masters, ...others.map(([id]) => id)]
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

function hasVote({ masters, former }: Electorate, { info: { id } }: Master): boolean {
  return masters.includes(id) || former?.masters.includes(id) === true
}

function placeOf({ id, host, port }: MasterInfo): string {
  return `${id} ${host} ${port}`
}

function isAtOneAddress(a: MasterInfo, b: MasterInfo): boolean {
  return a.host === b.host && a.port === b.port
}
