import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Status } from '@icf/common'
import { STATE_EVERY_MS, type Cluster } from './cluster.js'
import { type Conditions, FaultLab, type LabOptions } from './fault-lab.js'
import { type Heal, type Machine, Network } from './network.js'
import type { Workload } from './workload/workload.js'

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
  /** The active one first. */
  readonly masters: readonly Machine[]
  readonly servers: readonly Machine[]
  /** The machine of the SDK. */
  readonly clients: Machine
}

export interface CutConditions extends Conditions {
  /** Whether another term must begin, or must not. By default it may. */
  readonly takeover?: boolean
}

/** Makes one cut. */
export type Cut = (site: Site) => Promise<Heal>

interface SiteLab {
  readonly site: Site
  readonly lab: FaultLab
}

/** All clusters of a process are on one. */
let sharedNetwork: Promise<Network> | undefined

/** Cuts that may be tried side by side, each on a cluster of its own: most of the time nothing is done but to wait for their end. */
export const CLUSTERS = 2

/** Clusters whose processes have a machine each, and clients on one of their own: what is between them is cut under load. */
export class PartitionLab {
  readonly #labs: SiteLab[] = []
  /** Those on which nothing is tried now. */
  readonly #idle: SiteLab[] = []

  constructor(private readonly options: Pick<LabOptions, 'callTimeoutMs' | 'masters' | 'servers'> = {}) {}

  /** The cut lasts far longer than anybody's patience, and is healed then. */
  async cut(t: TestContext, cut: Cut, conditions: CutConditions = {}): Promise<void> {
    await this.#endure(t, conditions, async (site) => {
      const heal = await cut(site)
      await delay(CUT_MS)
      await heal()
    })
  }

  /** The cut lasts until it has been seen to, `seenTo` says so, and calls have ended well all the same; and then it is healed. */
  async last(t: TestContext, cut: Cut, seenTo: (status: Status) => boolean): Promise<void> {
    await this.#endure(t, {}, async (site, cluster, workload) => {
      const heal = await cut(site)
      const how = { everyMs: STATE_EVERY_MS }
      await cluster.untilStatus('the cluster to get along without what is cut', seenTo, how)
      await workload.progress(CALLS_DURING_CUT)
      await heal()
      await cluster.untilStatus(
        'the end of the cut to be noticed',
        ({ unreachable }) => unreachable.length === 0,
        how,
      )
    })
  }

  /** The cut comes and goes. */
  async flap(t: TestContext, cut: Cut, conditions: CutConditions = {}): Promise<void> {
    await this.#endure(t, conditions, async (site) => {
      for (let n = 0; n < FLAPS; n++) {
        const heal = await cut(site)
        await delay(FLAP_MS)
        await heal()
        await delay(FLAP_MS)
      }
    })
  }

  /** After all cuts: each cluster still does what it is told to, and lets a server go. */
  async shutOneDown(t: TestContext): Promise<void> {
    const shutOneDown = async (cluster: Cluster): Promise<void> => {
      const [exit] = await cluster.shutdown(cluster.members[0]!)
      assert.deepEqual(exit, { code: 0, signal: null })
    }
    await Promise.all(this.#labs.map(({ lab }) => lab.endure(t, {}, shutOneDown)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#labs.map(({ lab }) => lab.close()))
  }

  /** Once the fault is over, one master is active, and the others follow it. */
  async #endure(
    t: TestContext,
    { takeover, ...conditions }: CutConditions,
    fault: (site: Site, cluster: Cluster, workload: Workload) => Promise<void>,
  ): Promise<void> {
    const siteLab = this.#idle.pop() ?? (await this.#open())
    const { site, lab } = siteLab
    try {
      await lab.endure(t, conditions, async (cluster, workload) => {
        const { epoch } = await cluster.untilMastersVote()
        const active = site.masters[await cluster.activeMaster()]!
        const standbys = site.masters.filter((master) => master !== active)
        await fault({ ...site, masters: [active, ...standbys] }, cluster, workload)
        const after = await cluster.untilMastersVote()
        assert.deepEqual(after.masters.map(({ role }) => role), ['active', ...standbys.map(() => 'standby')]) // prettier-ignore
        if (takeover !== undefined) assert.equal(after.epoch > epoch, takeover, 'another term')
      })
    } finally {
      this.#idle.push(siteLab)
    }
  }

  async #open(): Promise<SiteLab> {
    const { masters = 1, servers = SERVERS } = this.options
    const site = await makeSite(masters, servers)
    const lab = new FaultLab({
      keys: 10_000,
      writers: 12,
      readers: 12,
      ...this.options,
      masters,
      servers,
      places: site,
    })
    const siteLab = { site, lab }
    this.#labs.push(siteLab)
    return siteLab
  }
}

async function makeSite(masters: number, servers: number): Promise<Site> {
  const network = await (sharedNetwork ??= Network.create())
  return {
    network,
    masters: await addMachines(network, masters),
    servers: await addMachines(network, servers),
    clients: network.here,
  }
}

async function addMachines(network: Network, count: number): Promise<Machine[]> {
  const machines: Machine[] = []
  while (machines.length < count) machines.push(await network.addMachine())
  return machines
}
