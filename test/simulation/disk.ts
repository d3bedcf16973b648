import { loneTerm, type MasterOptions } from '@icf/master/shell'
import type { Decisions } from './masters/decisions.js'
import type { VirtualProcess } from './virtual/process.js'

type Coordination = MasterOptions['coordination']
type Term = Awaited<ReturnType<Coordination['campaign']>>
type State = Parameters<Term['commit']>[0]

export const DISK_FULL = 'ENOSPC'

/** How long nobody may be active after a term was lost, at most, in milliseconds. */
const MAX_GAP_MS = 1200

/** The file in which a master that is alone keeps its state: it outlives the process, may be slow or full, and can be lost. */
export class Disk implements Decisions {
  /** How long a commit takes, in milliseconds. */
  commitMs = 1
  isFull = false
  /** How long a term lasts at most, in milliseconds, until it is lost while its process lives. */
  longestTermMs = Infinity
  written: Decisions['written']
  /** What a living master wants to be safe, and is not yet. */
  #wanted: State | undefined
  #states: State[] = []
  readonly #committed = new Set<string>()
  /** Of the process and term that use it now. */
  #term = 0

  hasCommitted(epoch: number, version: number): boolean {
    return this.#committed.has(`${epoch}.${version}`)
  }

  get isBehind(): boolean {
    return this.#wanted !== undefined
  }

  lose(): void {
    this.#states = []
  }

  /** Puts a copy of an older state back. */
  goBack(states: number): void {
    this.#states.splice(Math.max(1, this.#states.length - states))
  }

  /** As `process` uses it. */
  coordinate(process: VirtualProcess): Coordination {
    let isFirst = true
    this.#free()
    return {
      peers: undefined,
      votes: undefined,
      open: () => Promise.resolve(undefined),
      campaign: () => {
        if (!isFirst) return this.#beginLater(process)
        isFirst = false
        return Promise.resolve(this.#begin(process))
      },
      end: () => Promise.resolve(),
    }
  }

  /** What any earlier term still has under way is not written any more. @returns the number of the next */
  #free(): number {
    this.#wanted = undefined
    return ++this.#term
  }

  #begin(process: VirtualProcess): Term {
    const number = this.#free()
    const commit = (state: State): Promise<void> => this.#commit(process, number, state)
    const term = loneTerm(this.#states.at(-1), process.runtime.wallTimeMs(), commit)
    return this.longestTermMs === Infinity ? term : { ...term, lost: this.#lost(process, number) }
  }

  #beginLater(process: VirtualProcess): Promise<Term> {
    const { world } = process
    const ms = world.random.between(0, MAX_GAP_MS)
    return new Promise((resolve) =>
      world.after(ms, () => process.turn('a term begins', () => resolve(this.#begin(process)))),
    )
  }

  #lost(process: VirtualProcess, number: number): Promise<void> {
    const { world } = process
    const ms = world.random.between(0, this.longestTermMs)
    return new Promise((resolve) =>
      world.after(ms, () => {
        if (this.longestTermMs === Infinity || number !== this.#term) return
        this.#free()
        process.turn('its term is lost', resolve)
      }),
    )
  }

  #commit(process: VirtualProcess, term: number, state: State): Promise<void> {
    const { world } = process
    const ms = this.commitMs * world.random.between(0.5, 1.5)
    const isFull = this.isFull
    this.#wanted = state
    return new Promise((resolve, reject) => {
      world.after(ms, () => {
        // What a dead process still had under way may have been written, unless another one has begun.
        if (!isFull && term === this.#term) this.#write(state)
        // It is on the disk a moment before the process knows.
        world.after(ms / 10, () =>
          process.turn('disk answers', () => (isFull ? reject(new Error(DISK_FULL)) : resolve())),
        )
      })
    })
  }

  #write(state: State): void {
    const before = this.#states.at(-1)
    this.#wanted = undefined
    this.#states.push(state)
    this.#committed.add(`${state.topology.epoch}.${state.topology.version}`)
    this.written?.(state.topology, before?.topology)
  }
}
