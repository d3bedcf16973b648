import type { Topology } from '@icf/common'
import type { SimCluster, SimServer } from '../cluster.js'
import { isSettled } from '../settled.js'
import type { VirtualProcess } from '../virtual/process.js'
import { stamp } from '../words/names.js'
import { bySlots, changesInWords } from '../words/topology.js'
import type { StoryNames } from './names.js'
import type { Record } from './record.js'

/** What a server has of a slot, as `Held` in packages/cache-server/src/core/slot-table.ts. That it awaits a copy the master says. */
const HELD = ['has nothing of', 'serves', 'is the backup of', '']
/** … and `Serving` there. */
const PARKED = 2

/** Says what has changed in a cluster since it looked last. */
export class Changes {
  #topology: Topology | undefined
  /** The newest in which all was in its place. */
  #settled: Topology | undefined
  /** What was last said of each process. */
  readonly #said = new Map<VirtualProcess, Map<string, unknown>>()

  constructor(
    private readonly cluster: SimCluster,
    private readonly names: StoryNames,
    private readonly record: Record,
  ) {}

  /** To be called after each event. */
  look(): void {
    const { processes, masters, servers } = this.cluster
    for (const process of this.#said.keys()) if (!process.isAlive) this.#isGone(process)
    for (const process of processes)
      if (this.#isNews(process, 'stops', process.isStopped, false))
        this.#note(process, process.isStopped ? 'stands still' : 'goes on')
    for (const { process, node } of masters.all) {
      const isActive = node?.core !== undefined
      if (process.isAlive && this.#isNews(process, 'is active', isActive, false))
        this.#note(process, isActive ? 'is the active master' : 'is a standby')
    }
    this.#lookAtTopology()
    for (const server of servers) if (server.incarnation) this.#lookAtServer(server)
    this.#lookWhetherSettled()
  }

  #lookAtTopology(): void {
    const { topology, masters } = this.cluster
    const before = this.#topology
    if (!topology || topology === before) return
    this.#topology = topology
    if (!before || (before.epoch === topology.epoch && before.version === topology.version)) return
    const what = `${stamp(this.names, topology.epoch, topology.version)} is in effect`
    const changes = changesInWords(before, topology, this.names)
    const only = changes.length > 1 ? '' : `: ${changes[0] ?? 'nothing else changes'}`
    this.record.note(this.names.of(masters.acting.process), what + only, changes.length > 1 ? changes : [])
  }

  #lookWhetherSettled(): void {
    const { topology } = this.cluster
    if (!topology || topology === this.#settled || !isSettled(this.cluster)) return
    this.#settled = topology
    this.record.note('all', 'settled: every slot is in its place')
  }

  #lookAtServer({ process, incarnation: { id, core } }: SimServer): void {
    const { slots, lease } = core
    if (this.#isNews(process, 'id', id, id)) {
      this.#said.set(process, new Map([['id', id]]))
      this.#note(process, 'begins anew: a new member, without data')
    }
    const hasLease = process.now() < lease.until
    if (this.#isNews(process, 'lease', hasLease, false))
      this.#note(process, hasLease ? 'has a lease' : 'its lease is over: it answers no more')
    const changes = bySlots(slots.count, (slot) => {
      const what = slots.serving[slot] === PARKED ? 'parks' : HELD[slots.held[slot]!]!
      return this.#isNews(process, `slot ${slot}`, what, HELD[0]) ? what : ''
    })
    for (const [what, which] of changes) this.#note(process, `${what} ${which}`)
  }

  #isGone(process: VirtualProcess): void {
    this.#said.delete(process)
    this.#note(process, 'is dead')
  }

  #note(process: VirtualProcess, text: string): void {
    this.record.note(this.names.of(process), text)
  }

  /** @param first what goes without saying */
  #isNews(process: VirtualProcess, what: string, value: unknown, first: unknown): boolean {
    const said = this.#said.get(process) ?? new Map<string, unknown>()
    this.#said.set(process, said)
    const before = said.has(what) ? said.get(what) : first
    said.set(what, value)
    return before !== value
  }
}
