import type { Topology } from '@icf/common'
import { Audits } from './audits.js'
import { AcknowledgedChecker } from './checkers/acknowledged.js'
import { AnswerChecker } from './checkers/answers.js'
import { checkApart } from './checkers/apart.js'
import { checkBounds } from './checkers/bounds.js'
import { checkCopies } from './checkers/copies.js'
import { DecisionChecker } from './checkers/decisions.js'
import { checkOneMaster } from './checkers/one-master.js'
import { OneOwnerChecker } from './checkers/one-owner.js'
import { TopologyOrderChecker } from './checkers/topology-order.js'
import { Violation } from './checkers/violation.js'
import { SimCluster } from './cluster.js'
import { Faults } from './faults.js'
import { mastersOf } from './masters/number.js'
import { chooseScenario, type Scenario } from './scenario.js'
import { isSettled } from './settled.js'
import { Network } from './virtual/network.js'
import { World } from './virtual/world.js'
import { HALF_A_DAY_MS, WallClocks } from './wall-clocks.js'
import { fieldsInWords, nameOf, readFrame } from './words/message.js'
import { plainNames } from './words/names.js'
import { CALL_TIMEOUT_MS, Workload } from './workload.js'

/** How long a cluster may take to form, and to be whole again once nothing is wrong any more, in ms. */
const FORM_MS = 30_000
const SETTLE_MS = 60_000
/** Until a master is active, in ms: others are dialed anew, which may wait for an attempt that was lost, and vote. */
const ACTIVE_MS = 15_000
/** Until what expires has done so. */
const EXPIRY_MS = 25_000
const READ_MS = 30_000
/** Until an audit has compared all slots. */
const AUDIT_MS = 30_000

/** Every so many seeds a cluster lives longer, at several times the cost. */
const PATIENT_EVERY = 64

/** Every so many seeds many writes are given up: nobody knows what became of them. */
const GIVING_UP_EVERY = 4

/** Every so many seeds many values are long, at several times the cost. */
const LONG_EVERY = 64

export interface SimulationOptions {
  readonly trace?: ((line: string) => void) | undefined
  /** Default: as many as the seed says. */
  readonly masters?: number | undefined
  /** Whether single writes are given up early while calls may fail. Default: as the seed says. */
  readonly givesUpWrites?: boolean
  /** Whether many values are long. Default: as the seed says. */
  readonly writesLong?: boolean
  /** How far the time of day of a process is off at most. Default half a day. */
  readonly mostWallErrorMs?: number
  /** After which a master that is alone loses its term at the latest, time and again, while things go wrong. Default never. */
  readonly longestTermMs?: number
}

export interface Outcome {
  readonly seed: number
  readonly steps: number
  readonly virtualMs: number
  readonly settleMs: number
  readonly answered: number
  readonly failed: number
  readonly faults: Readonly<Record<string, number>>
}

/**
 * One cluster's life, all of it decided by the seed: the real masters, cache servers and clients on virtual processes,
 * clocks, disks and a network, under readers and writers, while all kinds of things go wrong; then quiet, in which the
 * cluster must settle with nothing lost.
 * @throws Violation, and whatever else the processes throw
 */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  return new Simulation(seed, options).run()
}

class Simulation {
  readonly #world: World
  readonly #scenario: Scenario
  readonly #cluster: SimCluster
  readonly #answers = new AnswerChecker()
  readonly #owners = new OneOwnerChecker()
  readonly #acknowledged: AcknowledgedChecker
  readonly #order: TopologyOrderChecker
  /** Where several masters decide. */
  readonly #decisions: DecisionChecker | undefined
  readonly #followed = new Map<object, Topology>()

  constructor(
    private readonly seed: number,
    {
      trace,
      masters = mastersOf(seed),
      givesUpWrites = seed % GIVING_UP_EVERY === 1,
      writesLong = seed % LONG_EVERY === LONG_EVERY / 2,
      mostWallErrorMs = HALF_A_DAY_MS,
      longestTermMs = Infinity,
    }: SimulationOptions,
  ) {
    this.#world = new World(seed, trace)
    const isPatient = seed % PATIENT_EVERY === 0
    this.#scenario = chooseScenario(this.#world.random, { isPatient, givesUpWrites, writesLong, masters })
    this.#world.log(JSON.stringify(this.#scenario))
    const network = new Network(this.#world, this.#scenario.weather)
    if (trace) network.heard = (from, to, frame) => this.#traceFrame(from.name, to.name, frame)
    this.#cluster = new SimCluster(network, this.#scenario.cluster, new WallClocks(seed, mostWallErrorMs))
    this.#acknowledged = new AcknowledgedChecker(this.#cluster)
    this.#cluster.incarnationBegan = (server) => this.#acknowledged.watch(server)
    const { loneDisk, terms, decisions } = this.#cluster.masters
    if (loneDisk) loneDisk.longestTermMs = longestTermMs
    this.#order = new TopologyOrderChecker(decisions)
    this.#decisions = terms && new DecisionChecker(terms)
  }

  async run(): Promise<Outcome> {
    const { faultyMs, clients, lanes, servers, faults, workload: options } = this.#scenario
    const cluster = this.#cluster
    const workload = new Workload(this.#world, this.#answers, options)
    for (let i = 0; i < servers; i++) cluster.startServer(faults.machines[i % faults.machines.length]!)
    for (let i = 0; i < clients; i++) void cluster.startClient(CALL_TIMEOUT_MS)
    await this.#until(
      'the cluster forms',
      FORM_MS,
      () => cluster.clients.length === clients && isSettled(this.#cluster),
    )
    let isLoaded = false
    void workload.load(cluster.clients[0]!).then(() => (isLoaded = true))
    await this.#until('the data is stored', FORM_MS, () => isLoaded)
    cluster.clientStarted = (client) => {
      for (let lane = 1; lane < lanes; lane++) void workload.lane(client)
      void workload.readingLane(client)
    }
    cluster.clientDied = (client) => workload.died(client)
    cluster.clients.forEach(cluster.clientStarted)
    const audits = Audits.of(this.seed, cluster)
    const nemesis = new Faults(cluster, this.#answers, faults)
    await this.#pass(faultyMs)
    nemesis.heal()
    workload.end()
    this.#answers.excuse(this.#world.now)
    const healed = this.#world.now
    await this.#until('a master is active', ACTIVE_MS, () => cluster.masters.isActive, 12)
    await this.#until(
      'the cluster settles',
      SETTLE_MS,
      () => cluster.clients.length > 0 && workload.pending === 0 && isSettled(this.#cluster),
    )
    const settleMs = this.#world.now - healed
    if (options.ttlShare > 0) await this.#pass(EXPIRY_MS)
    // What a primary evicted by itself, an audit has removed from the backup, too: it may be about to.
    if (audits)
      await this.#until(
        'all slots that have a backup are audited',
        AUDIT_MS,
        () => audits.isWhole && isSettled(this.#cluster),
      )
    checkCopies(cluster.topology!, cluster)
    checkApart(cluster.topology!, cluster)
    let isRead = false
    void workload.readAll(cluster.clients[0]!).then(() => (isRead = true))
    await this.#until('everything is read', READ_MS, () => isRead)
    const { answered, failed } = this.#answers
    const { steps, now: virtualMs } = this.#world
    return { seed: this.seed, steps, virtualMs, settleMs, answered, failed, faults: nemesis.counts }
  }

  #traceFrame(from: string, to: string, frame: Buffer): void {
    const message = readFrame(frame)
    const fields = fieldsInWords(message, plainNames, this.#scenario.cluster.slotCount)
    this.#world.log(`${from} → ${to}: ${nameOf(message)} ${fields}`.trimEnd())
  }

  #pass(ms: number): Promise<void> {
    return this.#world.run(this.#world.now + ms, () => {
      this.#check()
      return false
    })
  }

  async #until(what: string, withinMs: number, isDone: () => boolean, invariant = 9): Promise<void> {
    let steps = 0
    let hasHappened = false
    await this.#world.run(this.#world.now + withinMs, () => {
      this.#check()
      return (hasHappened = steps++ % 16 === 0 && isDone())
    })
    if (!hasHappened)
      throw new Violation(
        `invariant ${invariant}: within ${withinMs} ms it does not happen that ${what}: ${this.#describe()}`,
      )
  }

  /** After every event. */
  #check(): void {
    const { servers, clients, masters } = this.#cluster
    for (const { process, incarnation } of servers)
      if (incarnation)
        this.#follows(
          incarnation,
          `${process.name} ${incarnation.id.slice(0, 6)}`,
          incarnation.core.slots.topology,
        )
    this.#owners.check(servers, this.#scenario.cluster.slotCount)
    for (const { process, client } of clients) this.#order.hasSeen(process.name, client.topology)
    this.#acknowledged.check()
    checkBounds(servers)
    if (masters.terms) checkOneMaster(masters.terms)
    this.#decisions?.check()
  }

  #follows(who: object, name: string, topology: Topology): void {
    if (this.#followed.get(who) === topology) return
    this.#followed.set(who, topology)
    this.#order.follows(name, topology)
  }

  #describe(): string {
    const { masters, servers } = this.#cluster
    const { process: masterProcess, node: master } = masters.acting
    const snapshot = master?.core?.snapshot(masterProcess.now())
    return JSON.stringify(
      { ...snapshot, servers: servers.map(({ process }) => process.name) },
      (key, value: unknown) => (key === 'topology' ? undefined : value),
    )
  }
}
