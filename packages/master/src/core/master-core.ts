import {
  compareVersions,
  emptyTopology,
  IcfError,
  MessageType,
  NONE,
  seatOf,
  type Intent,
  type Message,
  type RingSettings,
  type Timing,
  type Topology,
} from '@icf/common'
import { Changes, freeze, type Commit } from './changes.js'
import { Counters } from './counters.js'
import { slotsHeld } from './draft.js'
import type { Effect, Hello, LinkId, MasterEvent, MasterState } from './events.js'
import { Membership, type Member } from './membership.js'
import { readKeepAlive, readProbeResult, readReport, readSuspect } from './parse.js'
import { preview, type Preview } from './preview.js'
import { Progress } from './progress.js'
import { Publisher } from './publisher.js'
import { isComplete, Reconciler } from './reconciler.js'
import { complete } from './slots.js'
import { PROBE_TIMEOUT_MS, Suspicions, type Verdict } from './suspicion.js'
import { type Snapshot, takeSnapshot } from './snapshot.js'

export interface MasterOptions {
  /** Term of this master: greater than any before. */
  readonly epoch: number
  readonly timing: Timing
  /** For a new cluster; one that is stored keeps its own. */
  readonly ring: RingSettings
  /** Copies that one server sends, and receives, at a time. */
  readonly maxTransitionsPerServer?: number
  /** What an earlier term left; undefined for a new cluster. */
  readonly stored?: MasterState
}

const DEFAULT_MAX_TRANSITIONS_PER_SERVER = 256
/** Other servers that are asked whether a suspect's process is gone. */
const PROBE_PEERS = 3
/** Rounds after a link broke: a killed process' port can take a moment to be released. */
const ROUNDS_AFTER_LINK_LOSS = 10
/** Rounds after a hint from somebody whose own connection broke. */
const ROUNDS_AFTER_HINT = 2

/**
 * The active master without sockets, files and clocks: `step` takes what happened and returns what to do. A topology
 * takes effect when the shell says that it is persisted; what changes meanwhile becomes the next version.
 */
export class MasterCore {
  readonly #epoch: number
  readonly #membership: Membership
  readonly #suspicions = new Suspicions()
  readonly #reconciler: Reconciler
  readonly #publisher = new Publisher()
  readonly #progress = new Progress()
  readonly #counters = new Counters()
  readonly #links = new Map<LinkId, Hello>()
  #effective: Commit
  #inFlight: Commit | undefined
  #changes: Changes
  /** A version took effect, after which a leaving server may have become empty. */
  #mayRelease = false
  #hasCommitted = false
  #effects: Effect[] = []
  #now: number

  constructor(now: number, { epoch, timing, ring, stored, maxTransitionsPerServer }: MasterOptions) {
    const state = stored ?? { topology: emptyTopology(ring), retired: [] }
    this.#now = now
    this.#epoch = epoch
    this.#membership = new Membership(timing, state, now)
    this.#reconciler = new Reconciler(maxTransitionsPerServer ?? DEFAULT_MAX_TRANSITIONS_PER_SERVER)
    this.#changes = new Changes(state.topology, epoch)
    this.#effective = {
      topology: state.topology,
      cause: MessageType.DISTRIBUTION_RESPOND,
      concerned: [],
      released: [],
      answers: [],
      outlook: { movesPending: 0, isSettled: false },
    }
  }

  /** The topology in effect. Of epoch 0 before the first one is. */
  get topology(): Topology {
    return this.#effective.topology
  }

  /** Whether a topology of this term is in effect. */
  get isActive(): boolean {
    return this.#hasCommitted
  }

  /** Whether HELLO may be answered with WELCOME. @throws IcfError the refusal */
  admit(hello: Hello): void {
    switch (hello.role) {
      case 'client':
      case 'admin':
        return
      case 'cache-server':
        this.#membership.admit(hello, this.#changes)
        return
      case 'master':
      case 'probe':
        throw new IcfError('WRONG_ROLE', `a master does not accept the role "${hello.role}"`)
      default:
        return unreachable(hello.role)
    }
  }

  snapshot(now: number): Snapshot {
    return takeSnapshot(now, this.#effective, this.#membership, this.#progress, this.#counters)
  }

  /** What would move if these servers left; or, without any, what is pending. */
  preview(leaving: readonly string[]): Preview {
    return preview(this.topology, leaving, (id) => this.#membership.get(id)?.load)
  }

  step(now: number, event: MasterEvent): Effect[] {
    this.#now = now
    this.#effects = []
    this.#handle(event)
    this.#beginProbes()
    this.#commit()
    return this.#effects
  }

  #handle(event: MasterEvent): void {
    switch (event.type) {
      case 'started':
        this.#changes.draft.touch()
        this.#changes.events.push({ type: 'MASTER_STARTED' })
        return
      case 'linkOpened':
        return this.#linkOpened(event.link, event.hello)
      case 'message':
        return this.#message(event.link, event.message)
      case 'linkLost':
        return this.#linkLost(event.link)
      case 'linkCongested':
        return this.#publisher.congested(event.link)
      case 'linkDrained':
        return this.#emit(...this.#publisher.drained(event.link, this.topology))
      case 'probed':
        this.#counters.probes++
        return this.#judge(this.#suspicions.found(event.probe, event.finding, this.#now))
      case 'persisted':
        return this.#persisted(event.version)
      case 'shutdown':
        return this.#shutdown(event.request, event.servers)
      case 'tick':
        return this.#tick()
      default:
        return unreachable(event)
    }
  }

  // ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #linkOpened(link: LinkId, hello: Hello): void {
    this.#links.set(link, hello)
    if (hello.role === 'cache-server') return this.#serverConnected(link, hello)
    if (hello.role !== 'client') return
    this.#publisher.add(link, undefined)
    if (this.#hasCommitted) this.#emit(...this.#publisher.sendWhole(link, this.topology))
  }

  #serverConnected(link: LinkId, hello: Hello): void {
    if (this.#membership.retired.how(hello.id) === 'released') return this.#sendReleased(link)
    const server = this.#membership.admit(hello, this.#changes)
    let member = this.#membership.get(hello.id)
    if (!member) {
      member = this.#membership.join(server, this.#changes, this.#now)
      this.#reconciler.invalidate('grow')
      for (const id of this.#membership.namesakes(server, this.#changes))
        this.#suspect(id, ROUNDS_AFTER_LINK_LOSS)
    }
    const replaced = this.#membership.attach(member, link, server, this.#now)
    if (replaced !== undefined) {
      this.#publisher.remove(replaced)
      this.#emit({ type: 'close', link: replaced })
    }
    this.#suspicions.clear(hello.id)
    this.#publisher.add(link, hello.id)
    if (this.#hasCommitted) this.#emit(...this.#publisher.sendWhole(link, this.topology))
  }

  #linkLost(link: LinkId): void {
    const hello = this.#links.get(link)
    this.#links.delete(link)
    this.#publisher.remove(link)
    const member = hello && this.#membership.get(hello.id)
    if (!member || member.link !== link) return
    member.link = undefined
    this.#log('warn', 'lost the connection to a cache server', { server: member.id })
    this.#suspect(member.id, ROUNDS_AFTER_LINK_LOSS)
    for (const verdict of this.#suspicions.withdraw(member.id, this.#now)) this.#judge(verdict)
  }

  // ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────

  #message(link: LinkId, message: Message): void {
    const hello = this.#links.get(link)
    if (!hello) return
    try {
      if (hello.role === 'cache-server') this.#serverMessage(link, hello.id, message)
      else this.#clientMessage(link, message)
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#emit({ type: 'refuse', link, error })
    }
  }

  #clientMessage(link: LinkId, message: Message): void {
    if (message[0] === MessageType.DISTRIBUTION_REQUEST)
      return this.#emit(...this.#publisher.sendWhole(link, this.topology))
    if (message[0] === MessageType.SUSPECT) return this.#suspect(readSuspect(message), ROUNDS_AFTER_HINT)
    throw new IcfError('PROTOCOL', `a client must not send message ${message[0]} to a master`)
  }

  /** The fence: only the link of a present incarnation gets past it. */
  #serverMessage(link: LinkId, id: string, message: Message): void {
    const member = this.#membership.get(id)
    if (!member) {
      if (this.#membership.retired.how(id) === 'released') return this.#sendReleased(link)
      throw new IcfError('FENCED', 'this incarnation was declared dead: rejoin with a new id')
    }
    if (member.link !== link) return
    switch (message[0]) {
      case MessageType.KEEP_ALIVE:
        return this.#keepAlive(member, link, message)
      case MessageType.DISTRIBUTION_REQUEST:
        return this.#emit(...this.#publisher.sendWhole(link, this.topology))
      case MessageType.SLOTS_COPIED:
        return this.#report(member, 'backup', message)
      case MessageType.SLOTS_HANDED_OFF:
        return this.#report(member, 'primary', message)
      case MessageType.SUSPECT:
        return this.#suspect(readSuspect(message), ROUNDS_AFTER_HINT)
      case MessageType.PROBE_RESULT: {
        const { probe, outcome } = readProbeResult(message)
        return this.#judge(this.#suspicions.heard(probe, id, outcome === 'gone', this.#now))
      }
      default:
        throw new IcfError('PROTOCOL', `a cache server must not send message ${message[0]} to a master`)
    }
  }

  #keepAlive(member: Member, link: LinkId, message: Message): void {
    const { beat, isLeaving, epoch, version, load } = readKeepAlive(message)
    if (compareVersions(epoch, version, this.topology.epoch, this.topology.version) > 0)
      throw new IcfError(
        'FENCED',
        'this server follows a newer topology than its master, which must have lost its state: rejoin with a new id',
      )
    this.#membership.silence.heard(member.id, this.#now)
    member.load = load
    if (seatOf(this.topology, member.id) !== NONE)
      this.#emit({
        type: 'send',
        links: [link],
        message: [MessageType.KEEP_ALIVE, beat, this.topology.epoch, this.topology.version],
      })
    if (isLeaving) this.#leaveByItself(member.id)
  }

  #report(member: Member, intent: Intent, message: Message): void {
    const { to, entries, bytes, completions } = readReport(message)
    const { draft } = this.#changes
    const [reporter, receiver] = [seatOf(draft, member.id), seatOf(draft, to)]
    let done = 0
    if (receiver !== NONE)
      for (const completion of completions)
        if (complete(draft, reporter, receiver, intent, completion)) done++
    this.#counters.rejectedReports += completions.length - done
    if (done > 0) this.#progress.moved(done, entries, bytes)
  }

  // ── membership ────────────────────────────────────────────────────────────────────────────────────────────────

  #shutdown(request: number, ids: readonly string[]): void {
    try {
      const gone = ids.find((id) => !this.#membership.get(id))
      if (gone !== undefined) throw new IcfError('UNKNOWN_SERVER', `no cache server has the id ${gone}`)
      this.#leave(ids)
      this.#changes.draft.touch()
      this.#changes.answers.push({ request, result: ids })
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#emit({ type: 'answer', request, result: error })
    }
  }

  #leave(ids: readonly string[]): void {
    this.#membership.leave(ids, this.#changes)
    this.#reconciler.invalidate('shrink')
  }

  /** Its own operator wants it gone; when nobody can take its slots, they go with it. */
  #leaveByItself(id: string): void {
    const { draft } = this.#changes
    if (draft.servers[seatOf(draft, id)]?.state === 'leaving') return
    try {
      this.#leave([id])
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      this.#membership.abandon(id, this.#changes)
      this.#reconciler.invalidate('shrink')
    }
  }

  #suspect(id: string, rounds: number): void {
    if (this.#membership.get(id)) this.#suspicions.raise(id, rounds, this.#now)
  }

  #beginProbes(): void {
    for (const id of this.#suspicions.due(this.#now)) {
      const { draft } = this.#changes
      const server = draft.servers[seatOf(draft, id)]
      if (!server) {
        this.#suspicions.clear(id)
        continue
      }
      const peers = this.#membership.peersOf(id, PROBE_PEERS, this.#changes)
      const probe = this.#suspicions.begin(id, peers, this.#now)
      const links = peers.map((peer) => this.#membership.get(peer)!.link!)
      const { host, port } = server
      this.#emit({ type: 'probe', probe, server: { id, host, port }, timeoutMs: PROBE_TIMEOUT_MS })
      if (links.length > 0)
        this.#emit({ type: 'send', links, message: [MessageType.PROBE, probe, id, host, port] })
    }
  }

  #judge(verdict: Verdict | undefined): void {
    const member = verdict && this.#membership.get(verdict.id)
    if (!member || !this.#membership.isQuiet(member, this.#now)) return
    this.#declareDead([verdict.id], verdict.reason)
  }

  #tick(): void {
    this.#suspicions.tick(this.#now)
    const silent = this.#membership.silence.tick(this.#now)
    if (silent.length > 0) this.#declareDead(silent, 'silence')
  }

  #declareDead(ids: readonly string[], reason: 'silence' | 'process gone' | 'replaced'): void {
    const { burial, links } = this.#membership.die(ids, reason, this.#changes, this.#now)
    this.#counters.died(reason, ids.length, burial)
    this.#reconciler.invalidate('restore')
    for (const id of ids) this.#suspicions.clear(id)
    const error = new IcfError(
      'FENCED',
      `this incarnation was declared dead (${reason}): rejoin with a new id`,
    )
    for (const link of links) this.#emit({ type: 'refuse', link, error })
  }

  #sendReleased(link: LinkId): void {
    this.#emit({ type: 'send', links: [link], message: [MessageType.RELEASED] })
  }

  // ── versions ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Freezes what changed and has it persisted; while one version is, changes pile up for the next. */
  #commit(): void {
    if (this.#inFlight) return
    const changes = this.#changes
    const { draft } = changes
    if (!draft.isDirty && !this.#mayRelease) return
    this.#mayRelease = false
    const movesPending = draft.isDirty
      ? this.#reconciler.reconcile(draft)
      : this.#effective.outlook.movesPending
    this.#membership.releaseEmpty(changes, this.#emptyInEffect())
    if (!draft.isDirty) return
    const outlook = { movesPending, isSettled: movesPending === 0 && isComplete(draft) }
    changes.events.push(...this.#progress.observe(outlook, this.#now))
    this.#inFlight = freeze(changes, outlook)
    this.#changes = new Changes(this.#inFlight.topology, this.#epoch)
    const state = { topology: this.#inFlight.topology, retired: this.#membership.retired.list() }
    this.#emit({ type: 'persist', state, events: changes.events })
  }

  /**
   * Leaving servers without any slot in the topology in effect: they have been told that all is handed off, and have
   * answered what they had parked.
   */
  #emptyInEffect(): ReadonlySet<string> {
    const { topology } = this.#effective
    if (!topology.servers.some((server) => server?.state === 'leaving')) return new Set()
    const held = slotsHeld(topology)
    const empty = topology.servers.filter((server, seat) => server?.state === 'leaving' && held[seat] === 0)
    return new Set(empty.map((server) => server!.id))
  }

  #persisted(version: number): void {
    const commit = this.#inFlight
    if (commit?.topology.version !== version) return
    this.#effective = commit
    this.#inFlight = undefined
    this.#hasCommitted = true
    this.#mayRelease = true
    this.#counters.commits++
    for (const link of commit.released) {
      this.#publisher.remove(link)
      this.#sendReleased(link)
    }
    this.#emit(...this.#publisher.publish(commit))
    for (const answer of commit.answers) this.#emit({ type: 'answer', ...answer })
  }

  #emit(...effects: readonly Effect[]): void {
    this.#effects.push(...effects)
  }

  #log(level: 'info' | 'warn', text: string, fields: Readonly<Record<string, unknown>>): void {
    this.#emit({ type: 'log', level, text, fields })
  }
}

function unreachable(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`)
}
