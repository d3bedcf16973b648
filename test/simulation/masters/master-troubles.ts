import type { SimCluster } from '../cluster.js'
import { LONGEST_DOWN_MS, LONGEST_MS, type Trouble } from '../trouble.js'
import type { VirtualProcess } from '../virtual/process.js'
import type { World } from '../virtual/world.js'
import { areEnough, councilsOf } from './council.js'
import type { SimMaster } from './masters.js'
import { VoteDisk } from './vote-disk.js'

/** Within this, the active master decides something, or does not any more, in ms. */
const DECIDES_WITHIN_MS = 2_000

/** How long a decision may be on its way to the voters, in ms. */
const LONGEST_ROUND_MS = 8

/** What can go wrong where there are several masters, one a method, each as those of `Trouble`. */
export class MasterTroubles {
  readonly #world: World

  constructor(
    private readonly cluster: SimCluster,
    private readonly trouble: Trouble,
  ) {
    this.#world = cluster.network.world
  }

  get processes(): readonly VirtualProcess[] {
    return this.cluster.masters.processes
  }

  /** Active or standby. */
  any(): SimMaster {
    return this.#world.random.pick(this.cluster.masters.all)
  }

  /** One without which the others can go on: nobody notices. */
  #spare(): SimMaster | undefined {
    const spare = this.cluster.masters.all.filter((master) => this.#isSpare(master))
    return spare.length === 0 ? undefined : this.#world.random.pick(spare)
  }

  /** It is killed, and started again a while later; another one may be active meanwhile. */
  restartSpare(): number | undefined {
    const master = this.#spare()
    const { random } = this.#world
    const sends = random.chance(0.5) ? undefined : random.integer(0, 6)
    return (
      master &&
      this.trouble.restartMaster(
        (process) => (sends === undefined ? process.kill() : process.killMidTurn(sends)),
        { master },
      )
    )
  }

  pauseSpare(): number | undefined {
    const { random } = this.#world
    return this.trouble.pause([this.#spare()?.process], random.chance(0.5) ? undefined : random.integer(0, 6))
  }

  cutSpareOff(): number | undefined {
    return this.trouble.cut([this.#spare()?.process], this.cluster.processes)
  }

  restartAny(): number | undefined {
    return this.trouble.restartMaster((process) => process.kill(), { master: this.any() })
  }

  /** At times of their own; all are down for a moment, or one is back before the last one dies. */
  restartAll(): number | undefined {
    const { random } = this.#world
    const { masters } = this.cluster
    if (!masters.processes.every(({ canRun }) => canRun)) return undefined
    this.trouble.disturb(2 * LONGEST_DOWN_MS)
    for (const master of masters.all) {
      const { process } = master
      const diesMs = random.chance(0.5) ? 0 : random.between(0, 1_500)
      this.trouble.later(diesMs, () => process.kill())
      this.trouble.later(diesMs + random.between(20, LONGEST_DOWN_MS), () => {
        if (master.process === process) masters.start(master)
      })
    }
    return LONGEST_DOWN_MS + LONGEST_MS
  }

  /** The active one stops, or dies, when what it decides is on its way to the voters, and goes on when another one may be active. */
  interruptDecision(isDeath: boolean): number | undefined {
    const { terms } = this.cluster.masters
    const { random } = this.#world
    const { trouble } = this
    if (!terms || terms.proposed || !trouble.canRestartMaster) return undefined
    trouble.join()
    let left = random.integer(0, 4)
    // Or just about when the next one is elected.
    const stoppedMs = random.chance(0.5) ? random.between(100, LONGEST_DOWN_MS) : random.between(400, 1_000)
    terms.proposed = (process) => {
      if (left-- > 0) return
      terms.proposed = undefined
      const sends = random.integer(0, 6)
      trouble.later(random.chance(0.3) ? 0 : random.between(0, LONGEST_ROUND_MS), () => {
        const master = this.cluster.masters.all.find((one) => one.process === process)
        if (isDeath && master) trouble.restartMaster((one) => one.killMidTurn(sends), { master })
        else if (process.canRun) trouble.stop(process, stoppedMs, sends)
      })
    }
    this.#world.after(DECIDES_WITHIN_MS, () => (terms.proposed = undefined))
    return DECIDES_WITHIN_MS + LONGEST_DOWN_MS + LONGEST_MS
  }

  /**
   * What the servers have of a decision, and no master's disk, must not have been in effect: all masters are started again,
   * and decide while no server is heard of.
   */
  restartAllOnSlowDisks(): number | undefined {
    const { masters } = this.cluster
    const { terms } = masters
    const { random } = this.#world
    const { trouble } = this
    if (!terms || terms.proposed || !trouble.canRestartMaster) return undefined
    for (const master of masters.all) trouble.slowDisk(master)
    trouble.join()
    terms.proposed = () => {
      terms.proposed = undefined
      trouble.later(random.between(10, 200), () => {
        trouble.pause(this.cluster.servers.map(({ process }) => process))
        this.restartAll()
        for (const { disk } of masters.all) disk.commitMs = 1
      })
    }
    this.#world.after(DECIDES_WITHIN_MS, () => (terms.proposed = undefined))
    return DECIDES_WITHIN_MS + LONGEST_DOWN_MS + LONGEST_MS
  }

  /** The active one is sure of its term by the other masters' word alone; one of them is started again at once, and does not hear it any more. */
  restartBound(): number | undefined {
    const { masters, servers } = this.cluster
    const { random } = this.#world
    const { trouble } = this
    const { process: active } = masters.acting
    const bound = random.pick(masters.all.filter(({ process }) => process !== active))
    if (!trouble.canRestartMaster || !bound.process.canRun) return undefined
    const ms = random.between(1_500, LONGEST_MS)
    trouble.cut(
      [active],
      servers.map(({ process }) => process),
      ms,
    )
    trouble.later(random.between(600, 1_200), () => {
      bound.process.kill()
      trouble.later(random.between(1, 60), () => {
        masters.start(bound)
        trouble.cutBetween(active, bound.process, random.between(300, 1_500))
      })
    })
    return ms + LONGEST_MS
  }

  /** Perhaps the links of one of them to the servers break by then: those were bound, and still are. */
  cutApart(): number | undefined {
    const { masters, servers, network } = this.cluster
    const { random } = this.#world
    const one = random.chance(0.6) ? masters.acting : this.any()
    const ms = random.between(LONGEST_MS / 5, LONGEST_MS)
    if (random.chance(0.6))
      this.trouble.later(random.between(0.1, 1) * ms, () => {
        for (const { process } of servers)
          for (const socket of network.socketsBetween(one.process, process)) network.reset(socket)
      })
    return this.trouble.cut(
      [one.process],
      masters.processes.filter((process) => process !== one.process),
      ms,
    )
  }

  /** The active one, or any, reaches some, and not others. */
  cutFromSome(): number | undefined {
    const { masters, processes } = this.cluster
    const one = this.#world.random.chance(0.6) ? masters.acting : this.any()
    return this.trouble.cut([one.process], this.trouble.some(processes))
  }

  cutFromServers(): number | undefined {
    const { masters, servers } = this.cluster
    const one = this.#world.random.chance(0.6) ? masters.acting : this.any()
    return this.trouble.cut(
      [one.process],
      servers.map(({ process }) => process),
    )
  }

  /** The active one with some of the servers on one side, all else on the other: all know it at once, and go on by themselves. */
  partVoters(): number | undefined {
    const { masters, servers, processes, network } = this.cluster
    const side = [masters.acting.process, ...this.trouble.some(servers.map(({ process }) => process))]
    const others = processes.filter((process) => !side.includes(process))
    const ms = this.#world.random.between(LONGEST_MS / 3, LONGEST_MS)
    for (const one of side)
      for (const other of others) {
        this.trouble.cutBetween(one, other, ms)
        for (const socket of network.socketsBetween(one, other)) network.reset(socket)
      }
    return ms
  }

  /** It is another one when it is started again, and takes the seat of the one that it was. */
  loseState(): number | undefined {
    const master = this.#spare()
    if (!master || !this.trouble.canDestroy() || this.cluster.servers.some(({ isLeaving }) => isLeaving))
      return undefined
    return this.trouble.restartMaster((process: VirtualProcess) => process.kill(), {
      master,
      lose: () => master.disk instanceof VoteDisk && master.disk.lose(),
    })
  }

  #isSpare(master: SimMaster): boolean {
    const { masters, servers } = this.cluster
    const councils = councilsOf(masters.all)
    if (!councils) return false
    const others = new Set(servers.flatMap(({ process, incarnation }) => (process.canRun && incarnation ? [incarnation.id] : []))) // prettier-ignore
    for (const other of masters.all) {
      if (!other.process.canRun || !other.node) return false
      if (other !== master && other.disk instanceof VoteDisk) others.add(other.disk.masterId ?? '')
    }
    return areEnough(councils, others)
  }
}
