import { CommandCode, NONE } from '@icf/common'
import type { MasterState } from '@icf/master/core'
import { checkCopies } from './checkers/copies.js'
import { HistoryChecker } from './checkers/history.js'
import { checkOneOwner } from './checkers/one-owner.js'
import { TopologyOrderChecker } from './checkers/topology-order.js'
import { Violation } from './checkers/violation.js'
import { RegisterOrder } from '../support/register-order.js'
import { Network } from './network.js'
import { SimClient } from './sim-client.js'
import { SimMaster } from './sim-master.js'
import { SimServer } from './sim-server.js'
import { World } from './world.js'

const WRITERS = 6
const KEYS_PER_WRITER = 5
/** Keys that every client writes. */
const SHARED_KEYS = 3
const MAX_SERVERS = 6
const FAULTY_MS = 15_000
const SETTLE_MS = 30_000

export interface Outcome {
  readonly seed: number
  readonly steps: number
  readonly virtualMs: number
  readonly acknowledged: number
  readonly reads: number
  readonly faults: Readonly<Record<string, number>>
}

/**
 * One cluster's life, all of it decided by the seed: joins, shutdowns, kills, pauses, broken connections and a
 * master that restarts, under readers and writers; then quiet, in which the cluster must settle with nothing lost.
 * At most one process at a time is dead or stopped.
 * @throws Violation
 */
export function simulate(seed: number, trace?: (line: string) => void): Outcome {
  return new Simulation(seed, trace).run()
}

class Simulation {
  readonly #world: World
  readonly #network: Network
  readonly #servers: SimServer[] = []
  readonly #clients: SimClient[] = []
  readonly #history = new HistoryChecker()
  readonly #order = new TopologyOrderChecker()
  readonly #shared = Array.from({ length: SHARED_KEYS }, () => new RegisterOrder('nothing'))
  #nextShared = 0
  #checkedSum = 0
  readonly #disk: { state: MasterState | undefined } = { state: undefined }
  readonly #faults: Record<string, number> = {}
  #master: SimMaster
  readonly #askedToLeave = new Set<SimServer>()
  #stopped: SimServer | undefined
  #isMasterDown = false
  #nextPort = 7100
  #isQuiet = false

  constructor(
    private readonly seed: number,
    trace?: (line: string) => void,
  ) {
    this.#world = new World(seed, trace)
    const { random } = this.#world
    const usual = random.between(0.05, 3)
    this.#network = new Network(this.#world, () =>
      random.chance(0.02) ? random.between(0, 60) : random.between(0.02, usual),
    )
    this.#master = new SimMaster(this.#world, this.#network, this.#disk)
  }

  run(): Outcome {
    const { random } = this.#world
    const first = random.integer(1, 5)
    for (let i = 0; i < first; i++) this.#join()
    for (let writer = 0; writer < WRITERS; writer++) this.#startClient(writer)
    this.#scheduleFault()
    this.#runUntil(FAULTY_MS)
    this.#isQuiet = true
    this.#heal()
    this.#runUntil(this.#world.now + SETTLE_MS, () => this.#isSettled())
    if (!this.#isSettled()) throw new Violation(`the cluster does not settle: ${this.#describe()}`)
    checkCopies(this.#master.core.topology, this.#servers)
    this.#checkFinalValues()
    this.#checkShared()
    const { reads, acknowledged } = this.#history
    const { steps, now: virtualMs } = this.#world
    return { seed: this.seed, steps, virtualMs, acknowledged, reads, faults: this.#faults }
  }

  #runUntil(time: number, isDone: () => boolean = () => false): void {
    for (let checked = 0; this.#world.now < time; checked++) {
      if (!this.#world.step()) throw new Violation('nothing is left to happen')
      this.#checkOwners()
      if (checked % 64 === 0 && isDone()) return
    }
  }

  // ── what clients do

  #startClient(writer: number): void {
    const client = new SimClient(this.#world, this.#network, `client ${writer}`)
    this.#clients.push(client)
    for (let k = 0; k < KEYS_PER_WRITER; k++) this.#write(client, `w${writer}k${k}`)
    for (let reader = 0; reader < 3; reader++) this.#read(client)
    for (let lane = 0; lane < SHARED_KEYS; lane++) this.#useShared(client)
  }

  #pauseMs(): number {
    return this.#world.random.between(0, 60)
  }

  #write(client: SimClient, key: string): void {
    if (this.#isQuiet) return
    const { random } = this.#world
    const isDelete = random.chance(0.2)
    const index = this.#history.beginWrite(key, isDelete)
    const done = (): void => {
      this.#history.endWrite(key, index)
      this.#world.after(this.#pauseMs(), () => this.#write(client, key))
    }
    if (isDelete) client.call(CommandCode.DELETE, key, [], done)
    else client.call(CommandCode.SET, key, [String(index), 1, 0, 0], done)
  }

  #read(client: SimClient): void {
    if (this.#isQuiet) return
    const { random } = this.#world
    const key = `w${random.integer(0, WRITERS)}k${random.integer(0, KEYS_PER_WRITER)}`
    const ticket = this.#history.beginRead(key)
    client.call(CommandCode.GET, key, [], (result) => {
      this.#history.endRead(ticket, result === null ? undefined : Number(result))
      this.#world.after(this.#pauseMs(), () => this.#read(client))
    })
  }

  #useShared(client: SimClient): void {
    if (this.#isQuiet) return
    const world = this.#world
    const { random } = world
    const number = random.integer(0, SHARED_KEYS)
    const register = this.#shared[number]!
    const key = `shared${number}`
    const start = world.now
    const again = (): void => world.after(this.#pauseMs(), () => this.#useShared(client))
    if (random.chance(0.5)) {
      const value = `${client.process.name} ${this.#nextShared++}`
      client.call(CommandCode.SET, key, [value, 1, 0, 0], () => {
        register.wrote(value, start, world.now)
        again()
      })
    } else
      client.call(CommandCode.GET, key, [], (result) => {
        register.read(result === null ? 'nothing' : (result as string), start, world.now)
        again()
      })
  }

  // ── what goes wrong

  #scheduleFault(): void {
    this.#world.after(this.#world.random.between(20, 900), () => {
      if (this.#isQuiet) return
      this.#fault()
      this.#scheduleFault()
    })
  }

  #fault(): void {
    const { random } = this.#world
    const members = this.#servers.filter((server) => server.isServing)
    const choice = random.integer(0, 10)
    if (choice < 3 && members.length < MAX_SERVERS) this.#join()
    else if (choice < 5 && members.length > 1) this.#leave(random.pick(members))
    else if (choice < 6) this.#resetLink()
    else if (!this.#canLoseOne()) return
    else if (choice < 8) this.#kill(random.pick(members))
    else if (choice < 9) this.#stop(random.pick(members))
    else this.#restartMaster()
  }

  #count(fault: string, detail = ''): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1
    this.#world.log(`--- ${fault} ${detail}`)
  }

  /** Whether all slots have a complete second copy, and all processes run. */
  #canLoseOne(): boolean {
    if (this.#stopped || this.#isMasterDown) return false
    const { topology } = this.#master.core
    const ids = new Set(this.#servers.filter((server) => server.isServing).map((server) => server.core.id))
    const everyoneIsThere = topology.servers.every((info) => !info || ids.has(info.id))
    return everyoneIsThere && !topology.primary.includes(NONE) && !topology.backup.includes(NONE)
  }

  #join(): void {
    this.#count('join')
    const topologyAdopted = (server: SimServer): void => {
      this.#order.adopted(server.core.id, server.core.slots.topology)
    }
    this.#servers.push(new SimServer(this.#world, this.#network, this.#nextPort++, { topologyAdopted }))
  }

  /** Never the last one that was not asked to leave before: its data would rightly be lost. */
  #leave(server: SimServer): void {
    const staying = this.#servers.filter((other) => other.isServing && !this.#askedToLeave.has(other))
    if (staying.length < 2 || this.#askedToLeave.has(server)) return
    this.#askedToLeave.add(server)
    this.#count('shutdown', server.process.name)
    if (this.#world.random.chance(0.5)) this.#master.shutdown([server.core.id])
    else server.leave()
  }

  #resetLink(): void {
    const { random } = this.#world
    const ends = this.#servers.flatMap((server) => [...server.process.ends])
    if (ends.length === 0) return
    this.#count('reset')
    random.pick(ends).reset()
  }

  #kill(server: SimServer): void {
    this.#count('kill', server.process.name)
    server.process.kill()
    this.#servers.splice(this.#servers.indexOf(server), 1)
  }

  #stop(server: SimServer): void {
    this.#count('stop', server.process.name)
    this.#stopped = server
    server.process.stop()
    this.#world.after(this.#world.random.between(50, 5000), () => this.#goOn())
  }

  #goOn(): void {
    const server = this.#stopped
    this.#stopped = undefined
    server?.process.goOn()
  }

  #restartMaster(): void {
    this.#isMasterDown = true
    this.#master.process.kill()
    const isStateLost = this.#world.random.chance(0.3)
    this.#count(isStateLost ? 'master loses its state' : 'master restart')
    if (isStateLost) this.#disk.state = undefined
    this.#world.after(this.#world.random.between(50, 3000), () => {
      this.#master = new SimMaster(this.#world, this.#network, this.#disk)
      this.#world.after(2500, () => (this.#isMasterDown = false))
    })
  }

  // ── how it ends

  #heal(): void {
    this.#world.log('--- quiet')
    this.#goOn()
    if (this.#servers.every((server) => !server.isServing || this.#askedToLeave.has(server))) this.#join()
  }

  #isSettled(): boolean {
    if (this.#isMasterDown || this.#clients.some((client) => client.pending.length > 0)) return false
    const { topology } = this.#master.core
    const members = this.#servers.filter((server) => server.isServing)
    return (
      this.#master.core.snapshot(this.#world.now).isSettled &&
      members.every(
        ({ core }) =>
          core.isMember && core.slots.topology.version === topology.version && !core.store.hasBackgroundWork,
      )
    )
  }

  #checkFinalValues(): void {
    const { topology } = this.#master.core
    const seats = topology.servers.map((info) => this.#servers.find((server) => server.core.id === info?.id))
    for (const [key, expected] of this.#history.expectations()) {
      const holder = seats.find(
        (server) =>
          server?.core.runner.find(key) &&
          server.core.slots.serving[server.core.runner.find(key)!.slot] === 1,
      )
      const value = holder?.core.runner.find(key)?.value
      if (value !== (expected === undefined ? undefined : String(expected)))
        throw new Violation(`${key} holds ${String(value)} at the end, not ${expected}`)
    }
  }

  /** Whenever some server may have begun to serve: it knows another topology, or, while they differ, its lease was renewed. */
  #checkOwners(): void {
    let sum = 0
    let leases = 0
    let differ = false
    const version = this.#servers[0]?.core.slots.topology.version
    for (const { core } of this.#servers) {
      const { topology } = core.slots
      sum += topology.epoch + topology.version
      leases += Math.max(0, core.runner.leaseUntil)
      differ ||= topology.version !== version
    }
    if (differ) sum += leases
    if (sum === this.#checkedSum) return
    this.#checkedSum = sum
    checkOneOwner(this.#servers, this.#world.now)
  }

  #checkShared(): void {
    for (const [number, register] of this.#shared.entries()) {
      const problem = register.problem()
      if (problem) throw new Violation(`shared${number}: ${problem}`)
    }
  }

  #describe(): string {
    const calls = this.#clients.flatMap((client) => client.pending)
    const snapshot = this.#master.core.snapshot(this.#world.now)
    return JSON.stringify({ ...snapshot, calls: calls.length }, (key, value: unknown) =>
      key === 'topology' ? undefined : value,
    )
  }
}
