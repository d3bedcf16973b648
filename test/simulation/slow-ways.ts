import type { SimCluster, SimServer } from './cluster.js'
import type { Trouble } from './trouble.js'
import type { Network } from './virtual/network.js'
import type { VirtualProcess } from './virtual/process.js'
import type { World } from './virtual/world.js'

/** How late packets are on a slow way, in ms: up to a little less than a link may be without a word. */
const LEAST_DELAY_MS = 100
const MOST_DELAY_MS = 2_700

/** So that it can be connected to. */
const MOST_DELAY_WHEN_NEW_MS = 700

/** From when on others may have taken over from one that was cut off, in ms. */
const TAKEN_OVER_MS = 1_550

/** What was just given to a server is left there for so long before it goes back, in ms: clients have asked there by then. */
const LEAST_STAY_MS = 100
const MOST_STAY_MS = 800

/** How long a client does not reach one server while another is slow, and until a reset is heard of, in ms. */
const LEAST_BROKEN_MS = 500
const MOST_BROKEN_MS = 1_500
const HEARD_MS = 5

const LOOK_MS = 10

/** Troubles by which old words come late: one way is slow while all others are fast, and meanwhile much happens. */
export class SlowWays {
  readonly #world: World
  readonly #network: Network

  constructor(
    private readonly cluster: SimCluster,
    private readonly trouble: Trouble,
  ) {
    this.#network = cluster.network
    this.#world = cluster.network.world
  }

  /** Of a server, one way or both. */
  slow(): number | undefined {
    const { random } = this.#world
    const server = this.trouble.server()?.process
    const other = random.pick(this.cluster.processes)
    if (!server || !other || server === other) return undefined
    const ms = random.between(LEAST_DELAY_MS, MOST_DELAY_MS)
    const direction = random.pick(['both', 'to', 'from'] as const)
    return Math.max(
      direction === 'from' ? 0 : this.#delay(other, server, ms, ms),
      direction === 'to' ? 0 : this.#delay(server, other, ms, ms),
    )
  }

  /**
   * What a primary sent its backup arrives when others have taken over from it, since it was cut off from them: perhaps with
   * a client that hears nothing of that.
   */
  slowThenCutOff(): number | undefined {
    const { cluster, trouble } = this
    const { random } = this.#world
    const primary = trouble.server()
    const backup = primary && trouble.backupOf(primary)
    if (!backup) return undefined
    // What only it has then, it keeps also while others take over the rest: it comes back as the same server.
    if (random.chance(0.5)) this.#killAnother([primary, backup])
    const isolated = [primary.process, ...(random.chance(0.7) ? this.#aClient() : [])]
    const delayMs = random.between(TAKEN_OVER_MS, MOST_DELAY_MS)
    const beforeMs = random.between(5, 200)
    const cutMs = random.between(TAKEN_OVER_MS, delayMs + 800)
    const ms = this.#delay(primary.process, backup.process, delayMs, beforeMs + random.between(0, delayMs))
    trouble.later(beforeMs, () => {
      for (const other of cluster.processes)
        if (!isolated.includes(other))
          for (const one of isolated)
            if (one !== primary.process || other !== backup.process) trouble.cutBetween(one, other, cutMs)
    })
    return ms + LEAST_DELAY_MS
  }

  /** What is on its way to a server arrives when slots have gone from it to a newcomer, and come back; or they go slowly. */
  slowWhileSlotsMove(): number | undefined {
    const { trouble } = this
    const { random } = this.#world
    const [server, other] = [trouble.server(), random.chance(0.5) ? trouble.client() : trouble.server()]
    const newcomer = server && other && server !== other && trouble.newcomer()
    if (!newcomer) return undefined
    if (random.chance(0.4)) {
      const ms = random.between(LEAST_DELAY_MS, MOST_DELAY_WHEN_NEW_MS)
      return this.#delay(server.process, newcomer.process, ms, random.between(500, MOST_DELAY_MS))
    }
    const ms = random.between(LEAST_DELAY_MS, MOST_DELAY_MS)
    this.#returnAfterStay(newcomer, ms)
    return this.#delay(other.process, server.process, ms, random.between(50, 500))
  }

  /** Of what a client asks of many servers, some is not even sent, and some is done without its hearing of it in time. */
  slowBesideBroken(): number | undefined {
    const { random } = this.#world
    const client = this.trouble.client()?.process
    const [unreached, slow] = [this.trouble.server()?.process, this.trouble.server()?.process]
    if (!client || !unreached || !slow || unreached === slow) return undefined
    const ms = random.between(LEAST_BROKEN_MS, MOST_BROKEN_MS)
    for (const socket of this.#network.socketsBetween(client, unreached)) this.#network.reset(socket)
    // Not before both ends have heard of it.
    this.trouble.later(HEARD_MS, () => this.trouble.cutBetween(client, unreached, ms))
    return HEARD_MS + this.#delay(slow, client, random.between(LEAST_DELAY_MS, MOST_DELAY_WHEN_NEW_MS), ms)
  }

  #aClient(): VirtualProcess[] {
    const client = this.trouble.client()
    return client ? [client.process] : []
  }

  /** It is told to leave some time after it became a primary. */
  #returnAfterStay(newcomer: SimServer, withinMs: number): void {
    const { trouble } = this
    const { random, now } = this.#world
    const stayMs = random.between(LEAST_STAY_MS, MOST_STAY_MS)
    const isPrimary = (): boolean | undefined =>
      newcomer.process.isAlive && this.#world.now <= now + withinMs ? this.#isPrimary(newcomer) : undefined
    trouble.later(LOOK_MS, () =>
      trouble.once(isPrimary, LOOK_MS, () => trouble.later(stayMs, () => void trouble.leave(newcomer))),
    )
  }

  #isPrimary(server: SimServer): boolean {
    const { topology } = this.cluster
    if (!topology) return false
    const seat = this.cluster.seats(topology).indexOf(server)
    return seat !== -1 && topology.primary.includes(seat)
  }

  #killAnother(than: readonly SimServer[]): void {
    const machines = than.map(({ process }) => process.machine)
    const another = this.cluster.servers.find(({ process }) => !machines.includes(process.machine))
    if (another) this.trouble.kill((process) => process.kill(), another)
  }

  /** @returns until when something sent over it may come late, in ms */
  #delay(from: VirtualProcess, to: VirtualProcess, delayMs: number, ms: number): number {
    this.trouble.disturb(ms + delayMs)
    const { random } = this.#world
    const sockets = random.chance(0.5) ? this.#network.socketsBetween(from, to) : []
    if (sockets.length > 0) this.#network.holdUp(random.pick(sockets), delayMs)
    else {
      this.#network.delay(from, to, delayMs)
      this.trouble.later(ms, () => this.#network.delay(from, to, 0))
    }
    return ms + delayMs
  }
}
