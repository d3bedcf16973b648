import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, MessageType, NONE, SLOT_COUNT, type Topology } from '@icf/common'
import { Random } from '@icf/testkit/random'
import { Harness, type FakeServer, type Task } from './harness.test.kit.js'

const STEPS = 100
/** Seeds by the number of slots: the fewer slots, the more often several things happen to one of them, and the faster. */
const SEEDS = new Map([
  [SLOT_COUNT, 2],
  [64, 80],
  [16, 200],
])
/** ICF_SEEDS=1000 looks further. */
const SEEDS_WANTED = process.env.ICF_SEEDS
const MAX_SERVERS = 6

/** Joins, leaves, deaths, servers that can not reach each other, and restarts of the master at random, with copies that are reported late, twice, or never. */
class RandomRun {
  readonly #random: Random
  readonly harness: Harness
  #last: Topology | undefined
  /** Ids of the servers that hold all of a slot, by slot. */
  readonly #complete: Set<string>[]
  /** Copies that were reported as complete: slot, transition and receiver. */
  readonly #reported = new Set<string>()
  /** Reports that are still on their way; some are out of date when they arrive. */
  readonly #delayed: { server: FakeServer; tasks: Task[] }[] = []
  /** Ids of servers whose processes are gone or were told to end, or that an operator gave up. */
  readonly #ended = new Set<string>()
  /** Servers that fell silent, and may come back. */
  readonly #silent: FakeServer[] = []

  constructor(
    seed: number,
    private readonly slotCount: number,
  ) {
    this.#random = new Random(seed)
    this.harness = new Harness({ slotCount, maxTransitionsPerServer: Math.ceil(slotCount / 32) })
    this.#complete = Array.from({ length: slotCount }, () => new Set())
    this.harness.isPersisting = false
    this.harness.onReport = (tasks) =>
      tasks.forEach(({ slot, since, to }) => this.#reported.add(`${slot} ${since} ${to}`))
    this.harness.onCommit = (topology) => this.#check(topology)
    for (let i = 0; i < 3; i++) this.harness.join()
  }

  step(): void {
    const { harness } = this
    this.#endRefused()
    const servers = harness.connected()
    const dice = this.#random.next()
    if (dice < 0.1) harness.persist()
    else if (dice < 0.15 && servers.length < MAX_SERVERS) harness.join()
    else if (dice < 0.19 && servers.length > 1) this.#kill(this.#pick(servers))
    else if (dice < 0.2 && servers.length > 2) this.#killTwo(servers)
    else if (dice < 0.23 && servers.length > 1) this.#silence(this.#pick(servers))
    else if (dice < 0.24) this.#return()
    else if (dice < 0.26 && servers.length > 0) harness.shutdown(this.#pick(servers))
    else if (dice < 0.27 && servers.length > 1) this.#leave(this.#pick(servers))
    else if (dice < 0.28) this.#restart()
    else if (dice < 0.3 && servers.length > 0) this.#reconnect(this.#pick(servers))
    else if (dice < 0.33 && servers.length > 1) this.#cut(this.#pick(servers), this.#pick(servers))
    else if (dice < 0.6 && servers.length > 0) this.#prepareReport(this.#pick(servers))
    else this.#deliverReport()
    harness.pass(25)
    if (this.#random.chance(0.5)) harness.persist()
  }

  /** Nothing goes wrong any more: everything must come to rest. */
  heal(): void {
    const { harness } = this
    harness.isPersisting = true
    harness.persist()
    while (this.#silent.length > 0) this.#return()
    for (const server of harness.connected())
      for (const other of [...server.cutFrom]) harness.cut(server, other, false)
    this.#endRefused()
    // A master that hears nobody holds nobody for silent: it takes some to find the rest so.
    this.#fillUp()
    while (this.#delayed.length > 0) this.#deliverReport()
    for (const probe of [...harness.probes]) harness.found(probe, { outcome: 'unknown' })
    harness.pass(3000)
    // The others never come back, and nobody can prove it: only an operator ends that.
    for (const { id } of harness.absent()) {
      this.#ended.add(id)
      harness.forget(id)
    }
    this.#endRefused()
    this.#fillUp()
    harness.pass(2000)
    harness.settle()
    harness.pass(200)
    const { isSettled, slotsServed, movesPending, servers } = harness.core.snapshot(harness.now)
    assert.deepEqual(
      { isSettled, slotsServed, movesPending },
      { isSettled: true, slotsServed: this.slotCount, movesPending: 0 },
    )
    const share = this.slotCount / servers.length
    const quota = share * 1.05 + 1 + 1e-6 // for the rounding of floating-point numbers
    for (const { primarySlots, backupSlots } of servers) {
      assert.ok(primarySlots <= quota, `${primarySlots} primaries of ${share}`)
      assert.ok(backupSlots <= quota, `${backupSlots} backups of ${share}`)
    }
  }

  /** Until two servers can have all slots: those that leave can not. */
  #fillUp(): void {
    const isStaying = ({ seat, topology }: FakeServer): boolean => topology?.servers[seat]?.state === 'active'
    while (this.harness.connected().filter(isStaying).length < 2) this.harness.join()
  }

  /** A process that is refused ends. What it goes on with is another one, which joins with an id of its own. */
  #endRefused(): void {
    for (const server of this.harness.connected()) if (server.refusal) this.harness.loseLink(server)
  }

  /** Two can not reach each other any more, or can again; now and then so long that something comes of it. */
  #cut(server: FakeServer, other: FakeServer): void {
    if (server === other) return
    this.harness.cut(server, other, !server.cutFrom.has(other))
    if (this.#random.chance(0.5)) this.harness.pass(2000)
  }

  #kill(server: FakeServer): void {
    this.#ended.add(server.id)
    this.harness.kill(server)
  }

  /** By the wish of its own process: when all that are there wish it, their data goes with them. */
  #leave(server: FakeServer): void {
    this.#ended.add(server.id)
    this.harness.beat(server, 1)
  }

  #killTwo(servers: FakeServer[]): void {
    const [a, b] = [this.#pick(servers), this.#pick(servers)]
    for (const { id } of [a, b]) this.#ended.add(id)
    this.harness.loseLink(a)
    this.harness.loseLink(b)
    for (const probe of [...this.harness.probes]) {
      if (probe.server.id === a.id || probe.server.id === b.id) this.harness.found(probe, { outcome: 'gone' })
    }
  }

  #silence(server: FakeServer): void {
    this.harness.pass(1600, (other) => other !== server)
    this.harness.loseLink(server)
    if (server.refusal === undefined) this.#silent.push(server)
  }

  /** One of the silent comes back; or it never does. */
  #return(): void {
    const [server] = this.#silent.splice(this.#random.integer(0, this.#silent.length), 1)
    if (server && this.#random.chance(0.7)) this.harness.join(server)
  }

  #restart(): void {
    if (!this.harness.persisted) return
    const servers = this.harness.connected()
    this.harness.restart()
    for (const server of servers) this.harness.join(server)
  }

  #reconnect(server: FakeServer): void {
    if (this.#random.chance(0.5)) this.harness.loseLink(server)
    this.harness.join(server)
  }

  #prepareReport(server: FakeServer): void {
    const tasks = server.tasks().filter(() => this.#random.chance(0.5))
    if (tasks.length === 0) return
    this.#delayed.push({ server, tasks })
    if (this.#random.chance(0.1)) this.#delayed.push({ server, tasks })
  }

  #deliverReport(): void {
    if (this.#delayed.length === 0) return
    const at = this.#random.integer(0, this.#delayed.length)
    const [{ server, tasks }] = this.#delayed.splice(at, 1) as [{ server: FakeServer; tasks: Task[] }]
    this.harness.report(server, tasks)
  }

  #pick(servers: readonly FakeServer[]): FakeServer {
    return this.#random.pick(servers)
  }

  #check(topology: Topology): void {
    const last = this.#last
    if (last)
      assert.ok(compareVersions(topology.epoch, topology.version, last.epoch, last.version) > 0, 'goes back')
    if (last) assert.ok(topology.version > last.version, 'the version restarts')
    const isPresent = (seat: number): boolean => topology.servers[seat] !== undefined
    for (let slot = 0; slot < this.slotCount; slot++) {
      const [primary, backup] = [topology.primary[slot]!, topology.backup[slot]!]
      const transition = topology.transitions.get(slot)
      assert.ok(primary === NONE || isPresent(primary), `slot ${slot}: the primary is not there`)
      assert.ok(backup === NONE || isPresent(backup), `slot ${slot}: the backup is not there`)
      assert.ok(primary === NONE || primary !== backup, `slot ${slot}: the primary is its own backup`)
      assert.ok(primary !== NONE || backup === NONE, `slot ${slot}: a backup and no primary`)
      this.#checkCopies(topology, slot)
      if (!transition) continue
      assert.ok(isPresent(transition.to), `slot ${slot}: the receiver is not there`)
      assert.notEqual(transition.to, primary, `slot ${slot}: copied to itself`)
      assert.ok(transition.since <= topology.version, `slot ${slot}: from the future`)
      if (transition.intent === 'backup')
        assert.notEqual(transition.to, backup, `slot ${slot}: copied to its backup`)
    }
    for (const [seat, server] of topology.servers.entries()) {
      const before = last?.servers[seat]
      if (server && before) assert.equal(server.id, before.id, `seat ${seat} changes hands in one version`)
    }
    this.#last = topology
  }

  /** Only a complete copy may serve or back up, as long as one is left; and silence alone takes no last one away. */
  #checkCopies(topology: Topology, slot: number): void {
    const complete = this.#complete[slot]!
    const before = this.#last?.transitions.get(slot)
    const receiver = before && this.#last!.servers[before.to]!.id
    if (receiver && this.#reported.has(`${slot} ${before.since} ${receiver}`)) complete.add(receiver)
    const idOf = (seat: number): string | undefined => topology.servers[seat]?.id
    const [primary, backup] = [idOf(topology.primary[slot]!), idOf(topology.backup[slot]!)]
    const isLeft = topology.servers.some((server) => server && complete.has(server.id))
    // One of them may have been declared dead for its silence in the version in which the other's end became known.
    const isExplained = isLeft || complete.size === 0 || [...complete].some((id) => this.#ended.has(id))
    assert.ok(isExplained, `slot ${slot}: silence alone took the last copy`)
    if (primary !== undefined && !isLeft) complete.clear()
    if (primary !== undefined && !isLeft) complete.add(primary)
    if (primary !== undefined) assert.ok(complete.has(primary), `slot ${slot}: an incomplete copy serves`)
    if (backup !== undefined)
      assert.ok(complete.has(backup), `slot ${slot}: an incomplete copy is the backup`)
    for (const id of complete) if (id !== primary && id !== backup) complete.delete(id)
  }
}

for (const [slotCount, seeds] of SEEDS)
  for (let seed = 1; seed <= Number(SEEDS_WANTED ?? seeds); seed++)
    test(`whatever joins, leaves and dies, the cluster comes to rest (${slotCount} slots, seed ${seed})`, () => {
      const run = new RandomRun(seed, slotCount)
      for (let i = 0; i < STEPS; i++) run.step()
      run.heal()
      assert.ok(
        run.harness.connected().every(({ inbox }) => inbox.some(([type]) => type === MessageType.KEEP_ALIVE)),
      )
    })
