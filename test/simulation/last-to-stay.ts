import type { SimCluster } from './cluster.js'
import type { Trouble } from './trouble.js'
import type { World } from './virtual/world.js'

/** Within this, all others have handed over what they have, or have not, in ms. */
const HANDED_OVER_WITHIN_MS = 4_000

const LOOKS_EVERY_MS = 2

/** From when only two have copies until one may go: a heartbeat, and the version after it. In ms. */
const UNTIL_ONE_GOES_MS = 150

const MASTER_DIES_WITHIN_MS = 300

/**
 * All leave but one, and that dies when it is about to be the only one that has a copy: the last of those that leave has to
 * stay, also when the master is started again meanwhile.
 */
export class LastToStay {
  readonly #world: World

  constructor(
    private readonly cluster: SimCluster,
    private readonly trouble: Trouble,
  ) {
    this.#world = cluster.network.world
  }

  begin(): number | undefined {
    const { trouble, cluster } = this
    const { random } = this.#world
    const stays = trouble.server()
    if (!stays || !trouble.canDestroy() || cluster.servers.length < 2) return undefined
    const others = cluster.servers.filter((server) => server !== stays)
    const leaving = others.filter((server) => trouble.leave(server) !== undefined)
    if (leaving.length < others.length) return undefined
    const until = this.#world.now + HANDED_OVER_WITHIN_MS
    const isOneLeft = (): boolean | undefined =>
      this.#world.now > until || !stays.process.canRun ? undefined : cluster.servers.length <= 2
    trouble.once(isOneLeft, LOOKS_EVERY_MS, () =>
      trouble.later(random.between(0, UNTIL_ONE_GOES_MS), () => {
        if (trouble.kill((process) => process.kill(), stays) === undefined || random.chance(0.5)) return
        trouble.later(
          random.between(0, MASTER_DIES_WITHIN_MS),
          () => void trouble.restartMaster((process) => process.kill()),
        )
      }),
    )
    return HANDED_OVER_WITHIN_MS + 2 * MASTER_DIES_WITHIN_MS
  }
}
