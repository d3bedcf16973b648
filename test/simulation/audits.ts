import { IcfError, NONE } from '@icf/common'
import { Random } from '@icf/testkit/random'
import type { SimCluster } from './cluster.js'

/** One seed in so many has audits: what is sent for them changes what else happens. */
const AUDITED_EVERY = 5

/** Between two audits, in ms. */
const LONGEST_PAUSE_MS = 1500

/** Audits while things go wrong. What they find is a violation wherever it is logged: nothing may differ, ever. */
export class Audits {
  /** Of its own, so that the rest is decided as without audits. */
  readonly #random: Random

  /** Undefined for a seed that has none. */
  static of(seed: number, cluster: SimCluster): Audits | undefined {
    return seed % AUDITED_EVERY === 1 ? new Audits(seed, cluster) : undefined
  }

  private constructor(
    seed: number,
    private readonly cluster: SimCluster,
  ) {
    this.#random = new Random(seed)
    this.#schedule()
  }

  /** Begins one, where a master can. */
  begin(): void {
    const { process, node } = this.cluster.masters.acting
    if (!node || !process.canRun) return
    process.turn('audits', () => {
      try {
        node.audit()
      } catch (error) {
        if (!(error instanceof IcfError)) throw error
      }
    })
  }

  /** Whether the newest one has ended, and has compared all slots that have a backup. */
  get isWhole(): boolean {
    const { process, node } = this.cluster.masters.acting
    const status = node?.core?.audit(process.now())
    const backedUp = node?.core?.topology.backup.filter((seat) => seat !== NONE)
    return status !== undefined && !status.running && status.compared === backedUp?.length
  }

  #schedule(): void {
    this.cluster.network.world.after(this.#random.between(0, LONGEST_PAUSE_MS), () => {
      this.begin()
      this.#schedule()
    })
  }
}
