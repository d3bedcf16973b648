import { presentServers, type Clock, type Electorate, type Timing, type Topology } from '@icf/common'
import { chooseCouncil, sameCouncil, type Candidate } from '../../core/index.js'

/** Knows who is there to vote, and so who is to vote next. */
export class CouncilKeeper {
  /** By id. */
  readonly #machines = new Map<string, string>()
  readonly #masters = new Set<string>()
  /** Cache servers that are connected, or were: since when they are not. */
  readonly #lostAt = new Map<string, number>()
  #topology: Topology | undefined

  constructor(
    private readonly clock: Clock,
    private readonly timing: Timing,
  ) {}

  masterSeen(id: string, machine: string): void {
    this.#masters.add(id)
    this.#machines.set(id, machine)
  }

  serverSeen(id: string): void {
    this.#lostAt.set(id, Infinity)
  }

  serverLost(id: string): void {
    this.#lostAt.set(id, this.clock.now())
  }

  /** Only servers of the topology have a say. */
  follow(topology: Topology): void {
    this.#topology = topology
    for (const { id, machine } of presentServers(topology)) this.#machines.set(id, machine)
  }

  /** One change at a time: first the others and those of before, then the others alone. @returns `present` when all is well */
  next(present: Electorate): Electorate {
    if (present.former) return { ...present, former: undefined }
    const masters = [...new Set([...present.masters, ...this.#masters])].map((id) => this.#candidate(id))
    const council = chooseCouncil(present, masters, this.#servers())
    if (sameCouncil(council, present)) return present
    return { ...council, former: { voters: present.voters, masters: present.masters } }
  }

  #servers(): Candidate[] {
    if (!this.#topology) return []
    const since = this.clock.now() - this.timing.deadAfterMs
    return presentServers(this.#topology)
      .filter(({ id, state }) => state === 'active' && (this.#lostAt.get(id) ?? -Infinity) > since)
      .map(({ id }) => this.#candidate(id))
  }

  #candidate(id: string): Candidate {
    return { id, machine: this.#machines.get(id) ?? '' }
  }
}
