import assert from 'node:assert/strict'
import {
  defaultTiming,
  isTopologyUpdate,
  MessageType,
  NONE,
  probeResultMessage,
  readTopologyUpdate,
  seatOf,
  SLOT_COUNT,
  unreachableMessage,
  wholeTopologyMessage,
  type IcfError,
  type Message,
  type Topology,
  type ClusterEvent,
} from '@icf/common'
import type { Effect, Finding, LinkId, MasterEvent, MasterState } from './events.js'
import { MasterCore } from './master-core.js'
import { DEFAULT_MAX_TRANSITIONS_PER_SERVER, type MasterOptions } from './options.js'
import type { ServerSnapshot } from './snapshot.js'
import { VERSION_INTERVAL_MS } from './versions.js'

type Probe = Extract<Effect, { type: 'probe' }>

/**
 * Enough that any few servers share some, and that a copy takes as many rounds as with all slots, in a sixteenth of the time.
 * What the number itself might break is tried with SLOT_COUNT in master-core.test.ts and random-cluster.test.ts.
 */
export const SLOTS = SLOT_COUNT / 16

const FEWER_SLOTS = {
  slotCount: SLOTS,
  maxTransitionsPerServer: DEFAULT_MAX_TRANSITIONS_PER_SERVER / 16,
}

/** As in a cluster of which nobody set anything. */
export const ALL_SLOTS = {
  slotCount: SLOT_COUNT,
  maxTransitionsPerServer: DEFAULT_MAX_TRANSITIONS_PER_SERVER,
}

/** A cache server as the master sees it: it follows topologies and reports copies when told to. */
export class FakeServer {
  topology: Topology | undefined
  link: LinkId | undefined
  isReleased = false
  refusal: IcfError | undefined
  readonly inbox: Message[] = []
  /** Whom it can not reach, and which can not reach it. */
  readonly cutFrom = new Set<FakeServer>()

  constructor(
    readonly id: string,
    readonly port: number,
  ) {}

  get seat(): number {
    return this.topology ? seatOf(this.topology, this.id) : NONE
  }

  /** What it has been asked to copy, and can, in the order of slots: slot and transition. */
  tasks(): { slot: number; to: string; since: number; intent: 'primary' | 'backup' }[] {
    const { topology, seat } = this
    if (!topology || seat === NONE) return []
    const unreachable = [...this.cutFrom].map(({ id }) => seatOf(topology, id))
    return [...topology.transitions]
      .filter(([slot, { to }]) => topology.primary[slot] === seat && !unreachable.includes(to))
      .map(([slot, { to, since, intent }]) => ({ slot, to: topology.servers[to]!.id, since, intent }))
  }
}

export type Task = ReturnType<FakeServer['tasks']>[number]

/** A MasterCore with fake servers, in virtual time. What it asks to persist is persisted when the test says so. */
export class Harness {
  now = 1000
  core: MasterCore
  readonly servers = new Map<LinkId, FakeServer>()
  readonly clients = new Map<LinkId, FakeServer>()
  readonly closed: LinkId[] = []
  readonly probes: Probe[] = []
  readonly answers = new Map<number, readonly string[] | IcfError>()
  readonly events: ClusterEvent[] = []
  /** Every state that was persisted, and the one that is to be. */
  persisted: MasterState | undefined
  unpersisted: { state: MasterState; events: readonly ClusterEvent[] } | undefined
  /** Persist at once whatever is to be persisted. */
  isPersisting = true
  onReport: (tasks: readonly Task[]) => void = () => undefined
  onCommit: (topology: Topology) => void = () => undefined
  /** Of the masters to come. */
  options: Partial<MasterOptions>
  /** Of the term: leases are given only before. */
  validUntil = Infinity
  /** Later epochs that servers were found to follow. */
  readonly surpassedBy: number[] = []
  #nextLink = 1
  #nextServer = 1
  #nextRequest = 1

  constructor(options: Partial<MasterOptions> = {}) {
    this.options = options
    this.core = this.#newCore(options.stored, 1)
    this.step({ type: 'started' })
  }

  get topology(): Topology {
    return this.core.topology
  }

  #newCore(stored: MasterState | undefined, epoch: number): MasterCore {
    const ring = { virtualNodes: 160, seed: 7 }
    return new MasterCore(this.now, {
      timing: defaultTiming,
      ring,
      ...FEWER_SLOTS,
      ...this.options,
      epoch,
      ...(stored && { stored }),
    })
  }

  /** The master process dies; another starts on what was persisted. All links are lost. */
  restart(epoch = this.persisted!.topology.epoch + 1): void {
    for (const server of [...this.servers.values(), ...this.clients.values()]) server.link = undefined
    this.servers.clear()
    this.clients.clear()
    this.unpersisted = undefined
    // What the last master was about to find is nothing to the next one.
    this.probes.length = 0
    this.core = this.#newCore(this.persisted, epoch)
    this.step({ type: 'started' })
  }

  step(event: MasterEvent): Effect[] {
    const effects = this.core.step(this.now, event, this.validUntil)
    for (const effect of effects) this.#perform(effect)
    if (this.isPersisting) this.persist()
    return effects
  }

  /** Lets what is in flight become safe. */
  persist(): void {
    const next = this.unpersisted
    if (!next) return
    this.unpersisted = undefined
    this.persisted = next.state
    this.onCommit(next.state.topology)
    this.events.push(...next.events)
    this.step({ type: 'persisted', version: next.state.topology.version })
  }

  /** Time goes by in ticks, with heartbeats from all that are connected, unless told otherwise. */
  pass(ms: number, beats: (server: FakeServer) => boolean = () => true): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 25
      if (this.now % 100 === 0) for (const server of this.connected()) if (beats(server)) this.beat(server)
      this.step({ type: 'tick' })
    }
  }

  connected(): FakeServer[] {
    return [...this.servers.values()].filter((server) => server.link !== undefined && !server.isReleased)
  }

  newServer(port = 7100 + this.#nextServer): FakeServer {
    return new FakeServer(`${this.#nextServer++}`.padStart(40, '0'), port)
  }

  /** HELLO of a new server, or of one that reconnects. */
  join(
    server = this.newServer(),
    { zone = '', weight = 1, machine = '', canCompare = true } = {},
  ): FakeServer {
    const link = this.#nextLink++
    const { epoch, version } = server.topology ?? { epoch: 0, version: 0 }
    const details = [
      '127.0.0.1',
      server.port,
      0,
      zone,
      weight,
      2 ** 30,
      epoch,
      version,
      machine,
      canCompare ? 1 : 0,
    ]
    server.link = link
    this.servers.set(link, server)
    this.step({ type: 'linkOpened', link, hello: { role: 'cache-server', id: server.id, details } })
    this.#sayUnreachable(server)
    // One that joins may wait for others to join along with it.
    if (this.isPersisting && version === 0) this.pass(VERSION_INTERVAL_MS)
    return server
  }

  /** The link of one that was new when it opened, before this term: what it follows by now it has not said yet. */
  findConnected(server: FakeServer): void {
    const link = this.#nextLink++
    const details = ['127.0.0.1', server.port, 0, '', 1, 2 ** 30, 0, 0, '']
    server.link = link
    this.servers.set(link, server)
    const hello = { role: 'cache-server', id: server.id, details } as const
    this.step({ type: 'linkOpened', link, hello, isEarlier: true })
  }

  /** They can not reach each other any more, and one of them has found out; or can again, and both have. */
  cut(server: FakeServer, other: FakeServer, isCut = true): void {
    for (const [one, two] of [
      [server, other],
      [other, server],
    ] as const)
      // prettier-ignore
      if (isCut) one.cutFrom.add(two)
      else one.cutFrom.delete(two)
    this.#sayUnreachable(server)
    if (!isCut) this.#sayUnreachable(other)
  }

  #sayUnreachable(server: FakeServer): void {
    this.say(server, unreachableMessage([...server.cutFrom].map(({ id }) => id)))
  }

  connectClient(): FakeServer {
    const link = this.#nextLink++
    const client = new FakeServer('', 0)
    client.link = link
    this.clients.set(link, client)
    this.step({ type: 'linkOpened', link, hello: { role: 'client', id: '', details: [] } })
    return client
  }

  loseLink(server: FakeServer): void {
    const { link } = server
    if (link === undefined) return
    server.link = undefined
    this.servers.delete(link)
    this.step({ type: 'linkLost', link })
  }

  say(server: FakeServer, message: Message): void {
    if (server.link !== undefined) this.step({ type: 'message', link: server.link, message })
  }

  /** The answer to DISTRIBUTION_REQUEST. */
  tellTopology(server: FakeServer, topology = server.topology!): void {
    this.say(server, wholeTopologyMessage(topology))
  }

  /** @param beat its number, and that of the newest that was answered */
  beat(server: FakeServer, leaving = 0, beat = 1, answered = beat): void {
    const { epoch, version } = server.topology ?? { epoch: 0, version: 0 }
    const load = [10, 1000, 10, 1000, 0, 0, 5, 1e6, 0]
    this.say(server, [MessageType.KEEP_ALIVE, beat, leaving, epoch, version, load, answered])
  }

  report(server: FakeServer, tasks: readonly Task[]): void {
    const groups = new Map<string, Task[]>()
    for (const task of tasks) {
      const key = `${task.intent} ${task.to}`
      const group = groups.get(key)
      if (group) group.push(task)
      else groups.set(key, [task])
    }
    if (server.link === undefined) return
    this.onReport(tasks)
    for (const group of groups.values()) {
      const type = group[0]!.intent === 'primary' ? MessageType.SLOTS_HANDED_OFF : MessageType.SLOTS_COPIED
      const flat = group.flatMap(({ slot, since }) => [slot, since])
      this.say(server, [type, group[0]!.to, group.length, group.length * 100, flat])
    }
  }

  /** Lets all servers copy until nothing is left to copy. */
  settle(): void {
    for (let round = 0; round < 2000; round++) {
      const busy = this.#busy()
      for (const server of busy) this.report(server, server.tasks())
      this.pass(VERSION_INTERVAL_MS)
      if (busy.length > 0) continue
      // The last version may lead to others when it is followed, such as one that releases who is empty by now.
      this.pass(defaultTiming.heartbeatIntervalMs + VERSION_INTERVAL_MS)
      if (this.#busy().length === 0) return
    }
    throw new Error('does not settle')
  }

  #busy(): FakeServer[] {
    return this.connected().filter((server) => server.tasks().length > 0)
  }

  /** The master looked, and found this. */
  found(probe: Probe, finding: Finding): void {
    this.probes.splice(this.probes.indexOf(probe), 1)
    this.step({ type: 'probed', probe: probe.probe, finding })
  }

  shutdown(...servers: FakeServer[]): readonly string[] | IcfError | undefined {
    const request = this.#nextRequest++
    this.step({ type: 'shutdown', request, servers: servers.map(({ id }) => id) })
    return this.answers.get(request)
  }

  forget(id: string): readonly string[] | IcfError | undefined {
    const request = this.#nextRequest++
    this.step({ type: 'forget', request, servers: [id] })
    return this.answers.get(request)
  }

  /** Servers that are silent, and have only copies. */
  absent(): readonly ServerSnapshot[] {
    return this.core.snapshot(this.now).servers.filter(({ isAbsent }) => isAbsent)
  }

  /** Kills a process: its link breaks, and whoever looks finds it gone. */
  kill(server: FakeServer): void {
    this.loseLink(server)
    for (const probe of this.probes.filter((at) => at.server.id === server.id)) {
      for (const peer of this.connected()) this.#answerProbe(peer, probe.probe)
      this.found(probe, { outcome: 'gone' })
    }
  }

  #answerProbe(peer: FakeServer, probe: number): void {
    const isAsked = peer.inbox.some(([type, number]) => type === MessageType.PROBE && number === probe)
    if (isAsked) this.say(peer, probeResultMessage(probe, 'gone'))
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        if (this.unpersisted) throw new Error('a second version is in flight')
        this.unpersisted = effect
        return
      case 'send':
        for (const link of effect.links) this.#deliver(link, effect.message)
        return
      case 'turn':
        this.step({ type: 'turn' })
        return
      case 'refuse': {
        const server = this.servers.get(effect.link) ?? this.clients.get(effect.link)
        if (server) server.refusal = effect.error
        this.closed.push(effect.link)
        return
      }
      case 'close':
        this.closed.push(effect.link)
        this.servers.delete(effect.link)
        return
      case 'surpassed':
        this.surpassedBy.push(effect.epoch)
        return
      case 'probe':
        this.probes.push(effect)
        return
      case 'answer':
        this.answers.set(effect.request, effect.result)
        return
      case 'log':
        return
    }
  }

  #deliver(link: LinkId, message: Message): void {
    const peer = this.servers.get(link) ?? this.clients.get(link)
    if (!peer) return
    const isUpdate = isTopologyUpdate(message)
    if (!isUpdate) peer.inbox.push(message)
    if (message[0] === MessageType.RELEASED) peer.isReleased = true
    if (!isUpdate) return
    peer.inbox.push([message[0], message[2]])
    const topology = readTopologyUpdate(message, peer.topology, this.topology.primary.length)
    if (!topology) throw new Error('got a difference from a topology that it does not have')
    if (peer.id !== '' && topology.version < (peer.topology?.version ?? 0))
      throw new Error(
        'a server would take this for the topology of a master that does not know what it holds',
      )
    peer.topology = topology
  }
}

/** A cluster at rest. */
export function settled(
  count: number,
  options: Partial<MasterOptions> = {},
): { harness: Harness; servers: FakeServer[] } {
  const harness = new Harness(options)
  const servers = Array.from({ length: count }, () => harness.join())
  harness.settle()
  assert.ok(harness.core.snapshot(harness.now).isSettled)
  return { harness, servers }
}

/** Primary and backup slots of each server. */
export function loads(harness: Harness): number[][] {
  return harness.core.snapshot(harness.now).servers.map((server) => [server.primarySlots, server.backupSlots])
}

/** Ids of the servers, by seat. */
export function ids(harness: Harness): (string | undefined)[] {
  return harness.topology.servers.map((server) => server?.id)
}
