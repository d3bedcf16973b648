import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Status } from '@icf/common'
import { FaultLab, type LabOptions, type Tolerance } from './fault-lab.js'
import { type Heal, type Machine, Network } from './network.js'

const SERVERS = 4
/** Calls that must end while a cut lasts, once it has been seen to. */
const CALLS_DURING_CUT = 5000
/** The length of a fault is part of it. Nothing is taken to have happened by its end: what follows waits for conditions. */
const CUT_MS = 5000
const FLAPS = 5
const FLAP_MS = 500

/** Where everything of a cluster is, and what is between. */
export interface Site {
  readonly network: Network
  readonly master: Machine
  readonly servers: readonly Machine[]
  /** The machine of the SDK. */
  readonly clients: Machine
}

/** Makes one cut. */
export type Cut = (site: Site) => Promise<Heal>

/** A cluster whose processes have a machine each, and clients on one of their own: what is between them is cut under load. */
export class PartitionLab {
  #site: Site | undefined
  #lab: FaultLab | undefined

  constructor(private readonly options: Pick<LabOptions, 'callTimeoutMs' | 'servers'> = {}) {}

  /** The cut lasts far longer than anybody's patience, and is healed then. */
  async cut(t: TestContext, cut: Cut, tolerance?: Tolerance): Promise<void> {
    const { site, lab } = await this.#open()
    await lab.endure(
      t,
      async () => {
        const heal = await cut(site)
        await delay(CUT_MS)
        await heal()
      },
      tolerance,
    )
  }

  /** The cut lasts until it has been seen to, `seenTo` says so, and calls have ended well all the same; and then it is healed. */
  async last(t: TestContext, cut: Cut, seenTo: (status: Status) => boolean): Promise<void> {
    const { site, lab } = await this.#open()
    await lab.endure(t, async (cluster, workload) => {
      const heal = await cut(site)
      await cluster.untilStatus('the cluster to get along without what is cut', seenTo)
      await workload.progress(CALLS_DURING_CUT)
      await heal()
      await cluster.untilStatus(
        'the end of the cut to be noticed',
        ({ unreachable }) => unreachable.length === 0,
      )
    })
  }

  /** The cut comes and goes. */
  async flap(t: TestContext, cut: Cut, tolerance?: Tolerance): Promise<void> {
    const { site, lab } = await this.#open()
    await lab.endure(
      t,
      async () => {
        for (let n = 0; n < FLAPS; n++) {
          const heal = await cut(site)
          await delay(FLAP_MS)
          await heal()
          await delay(FLAP_MS)
        }
      },
      tolerance,
    )
  }

  async close(): Promise<void> {
    await this.#lab?.close()
  }

  async #open(): Promise<{ site: Site; lab: FaultLab }> {
    const { servers = SERVERS } = this.options
    const site = (this.#site ??= await makeSite(servers))
    this.#lab ??= new FaultLab({
      keys: 10_000,
      writers: 12,
      readers: 12,
      ...this.options,
      servers,
      places: site,
    })
    return { site, lab: this.#lab }
  }
}

async function makeSite(count: number): Promise<Site> {
  const network = await Network.create()
  const master = await network.addMachine()
  const servers: Machine[] = []
  for (let n = 0; n < count; n++) servers.push(await network.addMachine())
  return { network, master, servers, clients: network.here }
}
