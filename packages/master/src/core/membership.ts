import {
  IcfError,
  limits,
  NONE,
  presentServers,
  readRegistration,
  seatOf,
  type Load,
  type Registration,
  type Timing,
  type Topology,
  type ClusterEvent,
} from '@icf/common'
import { formatServer } from './address.js'
import type { Changes } from './changes.js'
import { countBySeat, slotsHeld } from './draft.js'
import type { DeathReason, Hello, LinkId, MasterState } from './events.js'
import { Reachability, type Pair } from './reachability.js'
import { RetiredServers } from './retired.js'
import { Silence } from './silence.js'
import { bury, type Burial } from './slots.js'
import { canHold } from './reconciler.js'

/** A cache server that is part of the cluster, or will be with the next version. */
export interface Member {
  readonly id: string
  link: LinkId | undefined
  /** As it said in HELLO; 0 until it reconnects after a restart of the master. */
  maxMemoryBytes: number
  load: Load | undefined
  /** When its last heartbeat came that was not deaf, in ms, whether or not it was answered. */
  beatAt: number
  /** When it was heard of last, in ms, if it is silent: what only it has waits for it, and it is given nothing. */
  absentSince: number | undefined
  /** Of how many slots it was the primary when it became absent. */
  primariesBefore: number
  /** The newest beat that was answered on its link; 0: none yet. */
  answeredBeat: number
  /** Whether its release knows audits. */
  canCompare: boolean
  /** By an older version it may not serve: without its knowing, slots were taken from it, or a master came. */
  mustFollow: number
  /** The version that its newest heartbeat said it follows; 0: none has come over its link. */
  follows: number
}

/** Who wants a server to leave: an operator who asked the master, or the server's own process. */
export type LeaveReason = 'operator' | 'its own wish'

/** A member that says nothing for this many heartbeats is quiet. */
const QUIET_HEARTBEATS = 3

/** Who belongs to the cluster: joins, leaves and deaths, and the incarnations that are over. */
export class Membership {
  readonly retired: RetiredServers
  readonly silence: Silence
  readonly reachability = new Reachability()
  readonly #timing: Timing
  readonly #storedDeadAfterMs: number
  readonly #quietMs: number
  readonly #members = new Map<string, Member>()
  /** Incarnations whose end is not in effect yet, with the version that makes it so. */
  readonly #ending = new Map<string, number>()

  /** Everybody in the stored state has a fresh grace to reconnect. */
  constructor(timing: Timing, stored: MasterState, now: number) {
    this.#timing = timing
    this.#storedDeadAfterMs = stored.timing?.deadAfterMs ?? 0
    this.retired = new RetiredServers(stored.retired)
    this.#quietMs = QUIET_HEARTBEATS * timing.heartbeatIntervalMs
    this.silence = new Silence(timing, this.#quietMs)
    this.adopt(stored.topology, now)
  }

  /**
   * Who is in a topology that was taken over, and nobody else, is a member: with a fresh grace, too. What one was not told
   * of it, is not known.
   */
  adopt(topology: Topology, now: number): void {
    for (const id of this.#members.keys())
      if (seatOf(topology, id) === NONE) {
        this.silence.forget(id)
        this.reachability.forget(id)
      }
    this.#members.clear()
    for (const { id } of presentServers(topology)) this.#add(id, 0, now).mustFollow = topology.version
  }

  /** From now on members can be heard; leases that an earlier term gave out may run for as long as it said. */
  began(now: number): void {
    const ids = [...this.all()].map(({ id }) => id)
    for (const id of ids) this.silence.heard(id, now)
    this.silence.hold(ids, Math.max(this.#timing.deadAfterMs, this.#storedDeadAfterMs), now)
  }

  /** That version is in effect. */
  committed(version: number): void {
    for (const [id, endsWith] of this.#ending) if (endsWith <= version) this.#ending.delete(id)
  }

  /** Whether its end is decided but not in effect: it is told nothing before. */
  isEnding(id: string): boolean {
    return this.#ending.has(id)
  }

  /** Silent ones: what only they have waits for them. */
  absentIds(): ReadonlySet<string> {
    return new Set([...this.all()].filter((member) => member.absentSince !== undefined).map(({ id }) => id))
  }

  /** To whom nothing can be given, and from whom nothing can be taken in a planned way: absent ones, and isolated ones. */
  outIds(): ReadonlySet<string> {
    return new Set([...this.absentIds(), ...this.reachability.isolated])
  }

  /** Finds out who can not reach whom any more, or can again. @returns whether anything has changed */
  lookForCuts(changes: Changes, now: number): boolean {
    const isHeard = (id: string): boolean => {
      const member = this.#members.get(id)
      return member?.link !== undefined && now - member.beatAt < this.#quietMs
    }
    const present = (): Set<string> => {
      const members = [...this.all()].filter(({ absentSince }) => absentSince === undefined)
      return new Set(members.map(({ id }) => id))
    }
    const change = this.reachability.look(isHeard, present, now)
    if (!change) return false
    // It was not listened to, but was there.
    for (const id of change.rejoined) this.silence.heardBefore(id, this.#members.get(id)?.beatAt)
    changes.events.push(
      ...eventsOf('UNREACHABLE', change.broken, changes.draft),
      ...eventsOf('REACHABLE', change.mended, changes.draft),
    )
    return true
  }

  /** The version that this server has said it follows. */
  followedBy(id: string): number {
    return this.#members.get(id)?.follows ?? 0
  }

  /** By an older version nobody may serve from now on. */
  mustAllFollow(version: number): void {
    for (const member of this.all()) member.mustFollow = Math.max(member.mustFollow, version)
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  all(): IterableIterator<Member> {
    return this.#members.values()
  }

  /** Connected members other than `id`, in the order of their seats after its own. */
  peersOf(id: string, count: number, { draft }: Changes): { readonly id: string; readonly link: LinkId }[] {
    const seat = seatOf(draft, id)
    const peers: { id: string; link: LinkId }[] = []
    for (const server of [...draft.servers.slice(seat + 1), ...draft.servers.slice(0, seat)]) {
      const link = server && this.#members.get(server.id)?.link
      if (link !== undefined) peers.push({ id: server!.id, link })
      if (peers.length === count) break
    }
    return peers
  }

  /** @throws IcfError the refusal */
  admit(hello: Hello, { draft }: Changes): Registration {
    const server = readRegistration(hello)
    if (this.isEnding(hello.id))
      throw new IcfError('BUSY', 'what becomes of this incarnation is being decided: connect again')
    if (this.retired.how(hello.id) === 'dead')
      throw new IcfError('FENCED', 'this incarnation was declared dead: rejoin with a new id')
    if (!this.#members.has(hello.id) && !draft.hasFreeSeat())
      throw new IcfError('BUSY', `the cluster has ${limits.maxServers} cache servers, which is the most`)
    return server
  }

  /** Its link broke: it may have died, whatever it said before. */
  detach(member: Member): void {
    member.link = undefined
    member.follows = 0
  }

  /** Another link replaces the one before. @returns the link that was replaced */
  attach(
    member: Member,
    link: LinkId,
    { maxMemoryBytes, canCompare }: Registration,
    now: number,
  ): LinkId | undefined {
    const replaced = member.link
    if (member.maxMemoryBytes === 0) this.silence.returned(member.id, now)
    else this.silence.heard(member.id, now)
    member.link = link
    member.answeredBeat = 0
    member.follows = 0
    member.maxMemoryBytes = maxMemoryBytes
    member.canCompare = canCompare
    return replaced
  }

  join({ info, maxMemoryBytes }: Registration, changes: Changes, now: number): Member {
    changes.draft.seat(info)
    changes.joined.push(info.id)
    changes.events.push({ type: 'ADD_CACHE_SERVER', server: info.id, address: formatServer(info) })
    return this.#add(info.id, maxMemoryBytes, now)
  }

  /** Others that are registered at the same address: at most one of them is really there. */
  namesakes({ info }: Registration, { draft }: Changes): string[] {
    return presentServers(draft)
      .filter(({ id, host, port }) => id !== info.id && host === info.host && port === info.port)
      .map(({ id }) => id)
  }

  /**
   * Whether our answers do not reach it, though its heartbeats reach us: it has no lease then, or soon none, and is as good
   * as silent. It is not answered either: what is still on its way to it must not let it serve once others do.
   */
  isDeaf(member: Member, answered: number): boolean {
    const { leaseMs, heartbeatIntervalMs } = this.#timing
    return (member.answeredBeat - answered) * heartbeatIntervalMs >= leaseMs
  }

  /** Whether nothing speaks against it being gone: its link broke, or it fell silent. */
  isQuiet(member: Member, now: number): boolean {
    return member.link === undefined || this.silence.of(member.id, now) >= this.#quietMs
  }

  /** Whether it is a member that is connected, and not silent. */
  isHeard(id: string, now: number): boolean {
    const member = this.get(id)
    return member !== undefined && !this.isQuiet(member, now)
  }

  /**
   * Whether it can be gone, if everybody who looks says so: a process that is gone leaves no connection behind, unless its
   * whole machine went. While the connection stands and its lease may run, something in between may have refused.
   */
  canBeGone(member: Member, now: number): boolean {
    return member.link === undefined || this.silence.of(member.id, now) >= this.#timing.deadAfterMs
  }

  /** Whether somebody who may hold slots stays when these go. */
  canSpare(ids: readonly string[], { draft }: Changes): boolean {
    const out = this.outIds()
    return draft.servers.some(
      (server) => canHold(server) && !ids.includes(server!.id) && !out.has(server!.id),
    )
  }

  /** @throws IcfError LAST_SERVER when nobody would be left to take their slots */
  checkSpare(ids: readonly string[], changes: Changes): void {
    if (this.canSpare(ids, changes)) return
    throw new IcfError(
      'LAST_SERVER',
      'no cache server would be left to take over the slots: start another one first, or stop the cluster with a signal to every server',
    )
  }

  /** Marks servers as leaving. */
  leave(ids: readonly string[], reason: LeaveReason, changes: Changes): void {
    const { draft } = changes
    for (const id of ids) {
      const seat = seatOf(draft, id)
      const server = draft.servers[seat]!
      if (server.state === 'leaving') continue
      draft.setServer(seat, { ...server, state: 'leaving' })
      changes.leaving.push(id)
      changes.events.push({ type: 'SHUTDOWN_CACHE', server: id, address: formatServer(server), reason })
    }
  }

  /** The last server that could hold data goes: whoever else was leaving has nobody to hand over to any more. @returns who went */
  abandon(id: string, changes: Changes): string[] {
    const { draft } = changes
    const going = presentServers(draft).filter((server) => server.id === id || server.state === 'leaving')
    const seats = going.map((server) => seatOf(draft, server.id))
    const { lost } = bury(draft, new Set(seats))
    for (const server of going) this.#release(server.id, formatServer(server), changes)
    if (lost > 0)
      changes.events.push({ type: 'DATA_LOST', slots: lost, reason: 'the last cache server left' })
    return going.map((server) => server.id)
  }

  /** Lets those go that leave and have no part in any slot, now and in the version that is in effect. */
  releaseEmpty(changes: Changes, inEffect: ReadonlySet<string>): void {
    const { draft } = changes
    if (inEffect.size === 0) return
    const held = slotsHeld(draft)
    draft.servers.forEach((server, seat) => {
      if (server?.state !== 'leaving' || held[seat] !== 0 || !inEffect.has(server.id)) return
      draft.unpin(server.id)
      draft.setServer(seat, undefined)
      this.#release(server.id, formatServer(server), changes)
    })
  }

  #release(id: string, address: string, changes: Changes): void {
    const link = this.#members.get(id)?.link
    if (link !== undefined) changes.released.push(link)
    changes.events.push({ type: 'RELEASED', server: id, address })
    this.#remove(id, 'released', changes)
  }

  /** Declares members dead, all in one version. @returns what became of their slots */
  die(ids: readonly string[], reason: DeathReason, changes: Changes, now: number): Burial {
    const { draft } = changes
    const seats = new Set(ids.map((id) => seatOf(draft, id)))
    const primaries = countBySeat(draft.primaryBefore, draft.servers.length)
    for (const id of ids) {
      const seat = seatOf(draft, id)
      const { link, absentSince, primariesBefore } = this.#members.get(id)!
      if (link !== undefined) changes.fenced.push(link)
      changes.died.add(id)
      changes.events.push({
        type: 'REFLESH_IP',
        server: id,
        address: formatServer(draft.servers[seat]!),
        reason,
        slots: absentSince === undefined ? primaries[seat]! : primariesBefore,
        ms: Math.round(this.silence.of(id, now)),
      })
      this.#remove(id, 'dead', changes)
    }
    const burial = bury(draft, seats)
    const lost = burial.lost + burial.partial
    if (lost > 0) changes.events.push({ type: 'DATA_LOST', slots: lost, reason: 'no complete copy was left' })
    return burial
  }

  #add(id: string, maxMemoryBytes: number, now: number): Member {
    const member: Member = {
      id,
      link: undefined,
      maxMemoryBytes,
      load: undefined,
      beatAt: -Infinity,
      absentSince: undefined,
      primariesBefore: 0,
      answeredBeat: 0,
      canCompare: false,
      mustFollow: 0,
      follows: 0,
    }
    this.#members.set(id, member)
    this.silence.heard(id, now)
    return member
  }

  #remove(id: string, how: 'dead' | 'released', { draft }: Changes): void {
    this.#members.delete(id)
    this.#ending.set(id, draft.version)
    this.silence.forget(id)
    this.reachability.forget(id)
    this.retired.add({ id, how })
  }
}

/** One for each server that is the first of some pairs. */
function eventsOf(
  type: 'UNREACHABLE' | 'REACHABLE',
  pairs: readonly Pair[],
  { servers }: Pick<Topology, 'servers'>,
): ClusterEvent[] {
  const events: ClusterEvent[] = []
  const addressOf = new Map(presentServers({ servers }).map((server) => [server.id, formatServer(server)]))
  for (const server of new Set(pairs.map(([first]) => first))) {
    const others = pairs
      .filter(([first]) => first === server)
      .map(([, second]) => addressOf.get(second))
      .filter((address) => address !== undefined)
    const [address, other] = [addressOf.get(server), others[0]]
    if (address === undefined || other === undefined) continue
    const more = others.length > 1 ? ` and ${others.length - 1} more` : ''
    events.push({ type, server, address, reason: `${other}${more}` })
  }
  return events
}
