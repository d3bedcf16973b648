import { compareVersions, type Topology } from '@icf/common'
import type { MasterOptions } from '@icf/master/shell'
import type { VirtualProcess } from '../virtual/process.js'
import type { Decisions } from './decisions.js'

type Coordination = MasterOptions['coordination']
export type Term = Awaited<ReturnType<Coordination['campaign']>>
type State = Parameters<Term['commit']>[0]

/** What happens to terms, in the order in which it does. */
export type TermEvent =
  | { readonly type: 'began'; readonly epoch: number; readonly stored: Topology | undefined }
  | { readonly type: 'decided'; readonly epoch: number; readonly topology: Topology }

interface Watched {
  readonly process: VirtualProcess
  readonly term: Term
  /** Its last decision is on its way to the voters. */
  isBehind: boolean
}

/** Stands between several masters and their votes, and sees all terms and what is decided in them. */
export class Terms implements Decisions {
  written: Decisions['written']
  /** Told of whose decision is about to be sent to the voters. */
  proposed: ((process: VirtualProcess) => void) | undefined
  /** Since the checkers looked last. */
  readonly events: TermEvent[] = []
  readonly #committed = new Set<string>()
  #newest: Topology | undefined
  /** The last one of each process that lives. */
  #all: Watched[] = []

  hasCommitted(epoch: number, version: number): boolean {
    return this.#committed.has(`${epoch}.${version}`)
  }

  get isBehind(): boolean {
    return this.#all.some(({ process, isBehind }) => process.isAlive && isBehind)
  }

  /** Whose process lives, stopped or not, and might act by its term at this moment. */
  get valid(): VirtualProcess[] {
    const valid: VirtualProcess[] = []
    for (const { process, term } of this.#all)
      if (process.isAlive && term.validUntil > process.now()) valid.push(process)
    return valid
  }

  watch(process: VirtualProcess, coordination: Coordination): Coordination {
    return {
      peers: coordination.peers,
      votes: coordination.votes,
      open: () => coordination.open(),
      campaign: async () => this.#began(process, await coordination.campaign()),
      end: () => coordination.end(),
    }
  }

  #began(process: VirtualProcess, term: Term): Term {
    const { epoch, stored, mayBeBehind, lost } = term
    const watched: Watched = { process, term, isBehind: false }
    this.#all = [...this.#all.filter((other) => other.process !== process && other.process.isAlive), watched]
    this.events.push({ type: 'began', epoch, stored: stored?.topology })
    return {
      epoch,
      stored,
      mayBeBehind,
      lost,
      get validUntil() {
        return term.validUntil
      },
      surpassed: (later) => term.surpassed(later),
      commit: (state) => this.#commit(watched, state),
    }
  }

  async #commit(watched: Watched, state: State): Promise<void> {
    const { process, term } = watched
    const { topology } = state
    watched.isBehind = true
    this.proposed?.(process)
    try {
      await term.commit(state)
    } finally {
      watched.isBehind = false
    }
    this.events.push({ type: 'decided', epoch: term.epoch, topology })
    this.#committed.add(`${topology.epoch}.${topology.version}`)
    const before = this.#newest
    if (!before || compareVersions(topology.epoch, topology.version, before.epoch, before.version) > 0)
      this.#newest = topology
    if (!this.written) return
    this.written(topology, before)
    // It may die, or stop, before anybody else knows.
    await new Promise<void>((resolve) => process.soon('its decision is safe', resolve))
  }
}
