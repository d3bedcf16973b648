import { defaultTiming, type Address, type Topology } from '@icf/common'
import { serveMaster, VotingCoordination, type MasterOptions } from '@icf/master/shell'
import type { Logger } from 'pino'
import { Disk, DISK_FULL } from '../disk.js'
import type { VirtualProcess } from '../virtual/process.js'
import type { Decisions } from './decisions.js'
import { Terms } from './terms.js'
import { VoteDisk } from './vote-disk.js'

const RESTART_MS = 300
const PORT = 7000

/** Where one master runs, with what outlives its process. */
export interface SimMaster {
  readonly address: Address
  readonly disk: Disk | VoteDisk
  process: VirtualProcess
  /** Undefined from its start until it serves, and after its death. */
  node: Awaited<ReturnType<typeof serveMaster>> | undefined
}

export interface MastersOptions {
  readonly count: number
  readonly cluster: string
  readonly slotCount: number
  readonly logger: Logger
  newProcess(machine: string): VirtualProcess
}

/** The masters of a cluster: one that is alone, or several that vote. */
export class SimMasters {
  readonly all: readonly SimMaster[]
  /** Of one that is alone. */
  readonly loneDisk: Disk | undefined
  /** Of several. */
  readonly terms: Terms | undefined
  readonly decisions: Decisions
  readonly #options: MastersOptions

  constructor(options: MastersOptions) {
    const { count } = options
    this.#options = options
    if (count === 1) this.decisions = this.loneDisk = new Disk()
    else this.decisions = this.terms = new Terms()
    this.all = Array.from({ length: count }, (_, i) => {
      const host = count === 1 ? 'master' : `master-${i + 1}`
      const disk = this.loneDisk ?? new VoteDisk()
      return { address: { host, port: PORT }, disk, node: undefined } as unknown as SimMaster
    })
    for (const master of this.all) this.start(master)
  }

  get addresses(): Address[] {
    return this.all.map(({ address }) => address)
  }

  get processes(): VirtualProcess[] {
    return this.all.map(({ process }) => process)
  }

  /** The active one; with none, any. Of two that both may take themselves for it, the one of the later term. */
  get acting(): SimMaster {
    const epoch = ({ process, node }: SimMaster): number =>
      process.isAlive ? (node?.core?.topology.epoch ?? -1) : -2
    return this.all.reduce((best, other) => (epoch(other) > epoch(best) ? other : best))
  }

  /** What is in effect by the active master's word. */
  get topology(): Topology | undefined {
    const { process, node } = this.acting
    if (!process.isAlive || (this.terms && !node?.isReady)) return undefined
    return node?.core?.topology
  }

  /** Whether one of several can act; one that is alone always can. */
  get isActive(): boolean {
    return this.terms === undefined || (this.acting.process.canRun && this.topology !== undefined)
  }

  /** In place of the process that was there, which dies if it has not yet. */
  start(master: SimMaster): void {
    const { cluster, slotCount, logger, newProcess } = this.#options
    const process = newProcess(master.address.host)
    ;(master.process as VirtualProcess | undefined)?.kill()
    master.process = process
    master.node = undefined
    process.turn('starts', () => {
      void serveMaster(process.runtime, {
        address: master.address,
        machine: process.machine,
        cluster,
        coordination: this.#coordination(master),
        timing: defaultTiming,
        ring: { virtualNodes: 32, seed: 7 },
        slotCount,
        logger,
      }).then(
        (node) => {
          if (process.isAlive) master.node = node
        },
        (error: Error) => this.#failed(master, process, error),
      )
    })
  }

  #coordination({ process, disk }: SimMaster): MasterOptions['coordination'] {
    if (disk instanceof Disk) return disk.coordinate(process)
    const { cluster, slotCount, logger } = this.#options
    const voting = new VotingCoordination(process.runtime, {
      cluster,
      peers: this.addresses,
      timing: defaultTiming,
      slotCount,
      store: disk.storeFor(process),
      logger,
    })
    return this.terms!.watch(process, voting)
  }

  /** As a supervisor does: it is started again when it can not save its state. */
  #failed(master: SimMaster, process: VirtualProcess, error: Error): void {
    if (error.message !== DISK_FULL) throw error
    process.kill()
    process.world.after(RESTART_MS, () => {
      if (!master.process.isAlive) this.start(master)
    })
  }
}
