import type { Topology } from '@icf/common'
import type { MasterOptions } from '@icf/master/shell'
import type { VirtualProcess } from './virtual/process.js'

type Coordination = MasterOptions['coordination']
type State = Parameters<Coordination['commit']>[0]

export const DISK_FULL = 'ENOSPC'

/** The file in which a master keeps its state: it outlives the process, may be slow or full, and can be lost. */
export class Disk {
  /** How long a commit takes, in milliseconds. */
  commitMs = 1
  isFull = false
  /** Told of each state when it is safe, and before its master knows. */
  written: ((topology: Topology, before: Topology | undefined) => void) | undefined
  /** What a living master wants to be safe, and is not yet. */
  #wanted: State | undefined
  #states: State[] = []
  readonly #committed = new Set<string>()
  /** Of the master that uses it now. */
  #term = 0

  /** Whether this version was ever safe. */
  hasCommitted(epoch: number, version: number): boolean {
    return this.#committed.has(`${epoch}.${version}`)
  }

  /** Whether a decision has been taken that is not in effect yet. */
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
    const { world, runtime } = process
    const term = ++this.#term
    this.#wanted = undefined
    return {
      begin: () => {
        const stored = this.#states.at(-1)
        const last = stored?.topology.epoch ?? 0
        return Promise.resolve({ epoch: Math.max(last + 1, Math.floor(runtime.wallTimeMs() / 1000)), stored })
      },
      commit: (state) => {
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
      },
      end: () => Promise.resolve(),
    }
  }

  #write(state: State): void {
    const before = this.#states.at(-1)
    this.#wanted = undefined
    this.#states.push(state)
    this.#committed.add(`${state.topology.epoch}.${state.topology.version}`)
    this.written?.(state.topology, before?.topology)
  }
}
