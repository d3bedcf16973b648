import type { Topology } from '@icf/common'
import type { SimClient, SimCluster, SimServer } from './cluster.js'
import type { SimMaster } from './masters/masters.js'
import type { Network } from './virtual/network.js'
import type { VirtualProcess } from './virtual/process.js'
import { CALL_TIMEOUT_MS } from './workload.js'
import type { World } from './virtual/world.js'

/** How long something stays wrong, in ms. */
const SHORTEST_MS = 50
export const LONGEST_MS = 5_000

/** Servers that do not reach each other are noticed, and what they share is somewhere else, within so many ms. */
export const SEEN_TO_WITHIN_MS = 16_000

/** Until one that was stopped or cut off has been heard of again by all, in ms. */
const HEARD_AGAIN_MS = 600

/** Until a master that died is started again, in ms. */
export const LONGEST_DOWN_MS = 3_000

/** Within this, the master commits something, or does not any more, in ms. */
const COMMITS_WITHIN_MS = 2_000

/** Where servers may run, and how many. */
export interface Room {
  readonly maxServers: number
  /** Names. */
  readonly machines: readonly string[]
}

/**
 * The things that can go wrong, one a method: each does it, if that is possible now, and returns for how long, in ms.
 * Whatever destroys data is possible only while every slot has a copy on another machine than that which dies, and nobody else is
 * stopped or cut off: the promise is for one death at a time.
 */
export class Trouble {
  readonly #world: World
  readonly #network: Network
  /** When everybody will have been heard of again. */
  #disturbedUntil = -Infinity
  #isHealed = false
  /** The master's state may be lost, and not found again yet. */
  #isStateUncertain = false
  readonly #stopped = new Set<VirtualProcess>()

  constructor(
    private readonly cluster: SimCluster,
    private readonly room: Room,
  ) {
    this.#network = cluster.network
    this.#world = cluster.network.world
  }

  /** Ends all that is wrong, for good. */
  heal(): void {
    const { cluster } = this
    const { masters } = cluster
    this.#isHealed = true
    this.#network.healAll()
    // Who was to stop, or to die, within its next turn does so still.
    for (const afterMs of [0, 200])
      this.#world.after(afterMs, () => {
        for (const process of cluster.processes) process.goOn()
        for (const master of masters.all) if (!master.process.isAlive) masters.start(master)
      })
    masters.decisions.written = undefined
    if (masters.terms) masters.terms.proposed = undefined
    for (const { disk } of masters.all) {
      disk.isFull = false
      disk.commitMs = 1
    }
    if (masters.loneDisk) masters.loneDisk.longestTermMs = Infinity
    if (cluster.servers.every(({ isLeaving }) => isLeaving)) cluster.startServer(this.room.machines[0]!)
  }

  /** Who is stopped, cut off or late now may be so for so many ms. */
  disturb(ms: number): void {
    this.#disturbedUntil = Math.max(this.#disturbedUntil, this.#world.now + ms + HEARD_AGAIN_MS)
  }

  #ms(): number {
    const { random } = this.#world
    return random.chance(0.5) ? random.between(SHORTEST_MS, 500) : random.between(SHORTEST_MS, LONGEST_MS)
  }

  server(): SimServer | undefined {
    const { servers } = this.cluster
    return servers.length === 0 ? undefined : this.#world.random.pick(servers)
  }

  client(): SimClient | undefined {
    const { clients } = this.cluster
    return clients.length === 0 ? undefined : this.#world.random.pick(clients)
  }

  /** One that has the second copy of one of its slots. */
  backupOf(server: SimServer): SimServer | undefined {
    const { topology } = this.cluster
    if (!topology) return undefined
    const seats = this.cluster.seats(topology)
    const seat = seats.indexOf(server)
    const backups = [...topology.backup].flatMap((backup, slot) =>
      topology.primary[slot] === seat && seats[backup] ? [seats[backup]] : [],
    )
    return backups.length === 0 ? undefined : this.#world.random.pick(backups)
  }

  some<T>(of: readonly T[]): T[] {
    return of.filter(() => this.#world.random.chance(0.5))
  }

  join(): number | undefined {
    return this.newcomer() && 0
  }

  newcomer(): SimServer | undefined {
    const { machines, maxServers } = this.room
    if (this.cluster.servers.length >= maxServers) return undefined
    return this.cluster.startServer(this.#world.random.pick(machines))
  }

  /** Never the last member that was not asked to leave before, nor one that takes itself for it: its data would rightly be lost. */
  leave(who?: SimServer): number | undefined {
    const { random } = this.#world
    const { topology, servers, masters } = this.cluster
    if (!topology || masters.decisions.isBehind) return undefined
    const active = new Set(topology.servers.flatMap((info) => (info?.state === 'active' ? [info.id] : [])))
    const staying = servers.filter(
      ({ isLeaving, incarnation }) => !isLeaving && incarnation && active.has(incarnation.id),
    )
    if (staying.length < 2) return undefined
    const server = who ?? random.pick(staying)
    if (!staying.includes(server)) return undefined
    if (!server.running || !masters.acting.process.canRun || !server.process.canRun) return undefined
    const { id, core } = server.incarnation
    const knows = core.slots.topology.servers
    if (!knows.some((other) => other && other.id !== id && other.state === 'active')) return undefined
    server.isLeaving = true
    const { running } = server
    server.process.turn('is told to leave', () => void running.shutdown())
    return 0
  }

  /**
   * The promise is for one thing at a time: nobody else is dead, stopped or cut off, or was a moment ago. A machine that has the
   * only copy of nothing may die all the same, as one to which a copy is under way; but not where it has a vote, which others may
   * need that are about to get one.
   */
  canDestroy(machine?: string): boolean {
    const { cluster } = this
    const { acting, loneDisk } = cluster.masters
    const isUndisturbed = this.#world.now >= this.#disturbedUntil
    if (!isUndisturbed || this.#isStateUncertain || !acting.process.canRun) return false
    const keeping = cluster.keepingMachine
    if (keeping !== undefined && (machine ?? keeping) === keeping) return false
    return cluster.isDoubled || (machine !== undefined && !!loneDisk && cluster.isWholeWithout(machine))
  }

  /** Preferably the primary of a slot of which its backup has more: what it said is missing must not come back. */
  #victim(): SimServer | undefined {
    const { servers } = this.cluster
    const parted = servers.filter(({ incarnation }) => {
      const slots = incarnation?.core.slots
      return slots?.parted.some((isParted, slot) => isParted === 1 && slots.backup[slot] !== undefined)
    })
    return parted.length > 0 && this.#world.random.chance(0.7)
      ? this.#world.random.pick(parted)
      : this.server()
  }

  /** One machine with all its servers; some begin anew at the same address, later. */
  kill(how: (process: VirtualProcess) => void, victim = this.#victim()): number | undefined {
    const { cluster } = this
    const { random } = this.#world
    if (!victim || !this.canDestroy(victim.process.machine)) return undefined
    const victims = cluster.servers.filter(({ process }) => process.machine === victim.process.machine)
    if (victims.some(({ process }) => this.#stopped.has(process))) return undefined
    for (const { process } of victims) how(process)
    for (const { address, process } of victims)
      if (random.chance(0.5))
        this.later(random.between(10, 3000), () => {
          if (!process.isAlive) cluster.startServer(process.machine, address)
        })
    return LONGEST_MS
  }

  /** Before it comes to that, the last of others may go, or be about to, by its own word. */
  killInTheMiddle(): number | undefined {
    const { cluster } = this
    return this.kill((process) =>
      process.killMidTurn(this.#world.random.integer(0, 4), () => cluster.keepingMachine !== process.machine),
    )
  }

  /** Nobody is told. */
  losePower(): number | undefined {
    return this.kill((process) => this.#network.machineDown(process.machine))
  }

  pause(processes: readonly (VirtualProcess | undefined)[], sends?: number): number | undefined {
    const found = processes.filter((process) => process?.canRun === true) as VirtualProcess[]
    if (found.length === 0) return undefined
    const ms = this.#ms()
    for (const process of found) this.stop(process, ms, sends)
    return ms
  }

  stop(process: VirtualProcess, ms: number, sends?: number): void {
    this.disturb(ms)
    this.#stopped.add(process)
    if (sends === undefined) process.stop()
    else process.stopMidTurn(sends)
    this.later(ms, () => this.goOn(process))
  }

  goOn(process: VirtualProcess): void {
    this.#stopped.delete(process)
    process.goOn()
  }

  /** What it reads when it goes on, such as an answer of the master, is old by then; and what it says is not heard. */
  pauseThenCut(): number | undefined {
    const process = this.server()?.process
    const pausedMs = this.pause([process], this.#world.random.integer(0, 4))
    if (pausedMs === undefined) return undefined
    const cutMs = this.#ms()
    this.later(pausedMs, () => void this.cut([process], this.cluster.masters.processes, cutMs))
    return pausedMs + cutMs
  }

  /**
   * What the others lack by then, nobody may have seen; nor may a client have heard that it is done, when it said it again
   * over another connection.
   */
  cutThenKill(): number | undefined {
    const { random } = this.#world
    const { cluster } = this
    const victim = this.server()
    if (!victim || !this.canDestroy()) return undefined
    const ms = random.between(20, 600)
    const others = (random.chance(0.5) ? cluster.servers : [this.server()]).map((other) => other?.process)
    if (this.cut([victim.process], others, ms) === undefined) return undefined
    const resetAt = random.between(0, 0.7) * ms
    const [isSaidAgain, isReset] = [random.chance(0.5), random.chance(0.5)]
    this.later(resetAt, () => {
      const sockets = [...victim.process.sockets]
      if (isReset && sockets.length > 0) this.#network.reset(random.pick(sockets))
      for (const { process } of isSaidAgain ? cluster.clients : [])
        for (const socket of this.#network.socketsBetween(process, victim.process))
          this.#network.reset(socket)
    })
    if (random.chance(0.5)) this.later(random.between(0.3, 1) * ms, () => void this.killClient())
    const disturbedUntil = this.#disturbedUntil
    this.later(random.between(0.5, 0.99) * ms, () => {
      if (!victim.process.isAlive || this.#disturbedUntil !== disturbedUntil) return
      // It was the one that was cut off: with its death that is over.
      this.#disturbedUntil = this.#world.now
      this.kill((process) => process.kill(), victim)
    })
    return ms + LONGEST_MS
  }

  /** It may be back before it is in effect that others take over. */
  pauseOnSlowDisk(): number | undefined {
    const ms = this.pause([this.server()?.process])
    return ms === undefined ? undefined : Math.max(ms, this.slowDisk())
  }

  /**
   * The first one comes back, and has everything that only the two of them had; the second one never does. Both are silent
   * when the master looks for somebody to take over from the first: the second fell silent long enough before that.
   */
  silenceTwo(): number | undefined {
    const { random } = this.#world
    const primary = this.server()
    const [first, second] = [primary?.process, primary && this.backupOf(primary)?.process]
    if (!first?.canRun || !second?.canRun || this.cluster.servers.length < 3 || !this.canDestroy())
      return undefined
    const backMs = random.between(1_600, 2_600)
    const deathMs = backMs + random.between(1_000, 2_500)
    this.stop(first, backMs)
    this.later(random.between(10, 400), () => this.stop(second, deathMs))
    this.later(deathMs, () => second.kill())
    return deathMs + 1_000
  }

  /** Perhaps in the middle of its calls. Another one begins. */
  killClient(): number | undefined {
    const { cluster } = this
    const { random } = this.#world
    const client = this.client()
    if (!client) return undefined
    cluster.killClient(client)
    this.#world.after(random.between(0, 500), () => void cluster.startClient(CALL_TIMEOUT_MS))
    return 0
  }

  /** Its state is not lost, or was found again. */
  get canRestartMaster(): boolean {
    return this.cluster.masters.acting.process.canRun && !this.#isStateUncertain
  }

  /** @param lose what is lost of it while it is down */
  restartMaster(
    how: (process: VirtualProcess) => void,
    { master = this.cluster.masters.acting, lose }: { master?: SimMaster; lose?: () => void } = {},
  ): number | undefined {
    const { masters } = this.cluster
    const { random } = this.#world
    const { process } = master
    if (!this.canRestartMaster || !process.isAlive) return undefined
    how(process)
    this.#isStateUncertain = true
    const ms = random.chance(0.4) ? random.between(20, 200) : random.between(20, LONGEST_DOWN_MS)
    this.later(ms, () => {
      master.process.kill()
      lose?.()
      masters.start(master)
      this.#world.after(LONGEST_MS, () => (this.#isStateUncertain = false))
    })
    return ms + LONGEST_MS
  }

  /** Perhaps while slots move: then not all have the newest topology. */
  restartWithoutState(): number | undefined {
    const { random } = this.#world
    if (!this.canRestartMaster) return undefined
    if (random.chance(0.7)) this.join()
    this.later(
      random.between(0, 40),
      () => void this.restartMaster((process) => process.killMidTurn(random.integer(0, 6)), this.losingState),
    )
    return 2 * LONGEST_MS
  }

  /** Who has handed something over does not hear of it before the next master is there. */
  #stopOneThatGives(primary: Topology['primary'], before: Topology | undefined): void {
    const slot = before?.primary.findIndex((seat, each) => seat !== primary[each]) ?? -1
    const process = before && this.cluster.seats(before)[before.primary[slot]!]?.process
    if (!process?.canRun) return
    this.stop(process, this.#world.random.between(50, 1_000))
  }

  /** It dies when a version is safe, perhaps one by which slots were handed over, and some or none have heard of that. */
  restartMasterAsItCommits(isStateLost = false): number | undefined {
    const { decisions } = this.cluster.masters
    const { random } = this.#world
    if (!this.canRestartMaster || decisions.written) return undefined
    if (this.join() === undefined || random.chance(0.2)) this.leave()
    const isMove = random.chance(0.7)
    let left = random.integer(0, 4)
    decisions.written = ({ primary }, before) => {
      if ((isMove && before?.primary.every((seat, slot) => seat === primary[slot])) || left-- > 0) return
      decisions.written = undefined
      if (isStateLost && random.chance(0.6)) this.#stopOneThatGives(primary, before)
      this.restartMaster(
        (process) => process.killMidTurn(random.integer(0, 4)),
        isStateLost ? this.losingState : {},
      )
    }
    this.#world.after(COMMITS_WITHIN_MS, () => (decisions.written = undefined))
    return COMMITS_WITHIN_MS + 2 * LONGEST_MS
  }

  readonly losingState = { lose: (): void => this.#loseState() }

  /** Of a master that is alone. */
  #loseState(): void {
    const disk = this.cluster.masters.loneDisk
    const { random } = this.#world
    if (random.chance(0.5)) disk?.lose()
    else disk?.goBack(random.integer(1, 5))
    // Then what the next master begins with is not safe yet when it hears of something newer.
    if (random.chance(0.3)) this.slowDisk()
  }

  slowDisk({ disk } = this.cluster.masters.acting): number {
    const ms = this.#ms()
    disk.commitMs = this.#world.random.between(50, 2000)
    this.later(ms, () => (disk.commitMs = 1))
    return ms + 2000
  }

  fullDisk({ disk } = this.cluster.masters.acting): number {
    const ms = this.#ms()
    disk.isFull = true
    this.later(ms, () => (disk.isFull = false))
    return ms + 1000
  }

  /** Both ways. */
  cutBetween(one: VirtualProcess, other: VirtualProcess, ms: number): void {
    this.disturb(ms)
    this.#network.cut(one, other)
    this.later(ms, () => this.#network.heal(one, other))
  }

  cut(
    from: readonly (VirtualProcess | undefined)[],
    to: readonly (VirtualProcess | undefined)[],
    ms = this.#ms(),
  ): number | undefined {
    this.disturb(ms)
    return this.#cut(from, to, ms)
  }

  #cut(
    from: readonly (VirtualProcess | undefined)[],
    to: readonly (VirtualProcess | undefined)[],
    ms: number,
  ): number | undefined {
    const { random } = this.#world
    const direction = random.pick(['both', 'both', 'out', 'in'] as const)
    let isCut = false
    for (const one of from)
      for (const other of to) {
        if (!one || !other || one === other) continue
        isCut = true
        if (direction !== 'in') this.#network.cut(one, other, { oneWay: true })
        if (direction !== 'out') this.#network.cut(other, one, { oneWay: true })
        this.later(ms, () => {
          this.#network.heal(one, other)
        })
      }
    return isCut ? ms : undefined
  }

  /**
   * Two servers do not reach each other, or one reaches none of the others, for longer than until the cluster does without.
   * From then on whatever happens to somebody else is one thing at a time.
   */
  cutForLong(): number | undefined {
    const { random } = this.#world
    const victim = this.server()
    const others = this.cluster.servers.filter((other) => other !== victim)
    if (!victim || others.length === 0) return undefined
    const ms = SEEN_TO_WITHIN_MS + random.between(8_000, 15_000)
    this.disturb(SEEN_TO_WITHIN_MS)
    const cut = random.chance(0.5) ? others : [random.pick(others)]
    return this.#cut(
      [victim.process],
      cut.map(({ process }) => process),
      ms,
    )
  }

  reset(): number | undefined {
    const { random } = this.#world
    const sockets = this.cluster.servers.flatMap(({ process }) => [...process.sockets])
    if (sockets.length === 0) return undefined
    this.#network.reset(random.pick(sockets))
    return 0
  }

  /** The time of day jumps, for one process. */
  setWallClock(): number {
    const { cluster } = this
    cluster.wallClocks.set(this.#world.random.pick(cluster.processes))
    return 0
  }

  flap(): number | undefined {
    const server = this.server()?.process
    const periodMs = this.#world.random.between(100, 800)
    for (let time = 0; time < 5; time++)
      this.later(time * periodMs, () => void this.cut([server], this.cluster.processes, periodMs / 2))
    return server && 5 * periodMs
  }

  /** Looks every so often until what `state` says is true, and does it then; undefined: it can not come true any more. */
  once(state: () => boolean | undefined, everyMs: number, job: () => void): void {
    const holds = state()
    if (holds) job()
    else if (holds === false) this.later(everyMs, () => this.once(state, everyMs, job))
  }

  /** Unless everything was healed before. */
  later(ms: number, job: () => void): void {
    this.#world.after(ms, () => {
      if (!this.#isHealed) job()
    })
  }
}
