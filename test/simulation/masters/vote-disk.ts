import type { KeptState } from '@icf/common'
import type { VotingOptions } from '@icf/master/shell'
import { DISK_FULL } from '../disk.js'
import type { VirtualProcess } from '../virtual/process.js'

type VoteStore = VotingOptions['store']
type StoredVote = Parameters<VoteStore['save']>[0]

/** The file in which one of several masters keeps its vote: it outlives the process, may be slow or full, and can be lost. */
export class VoteDisk {
  /** How long it takes to save, in milliseconds. */
  commitMs = 1
  isFull = false
  #stored: StoredVote | undefined
  /** Number of the process that uses it now. */
  #user = 0

  /** The newest state that the master keeps for sure. */
  get kept(): KeptState | undefined {
    return this.#stored?.accepted
  }

  /** Of the master, which it has for as long as its disk. */
  get masterId(): string | undefined {
    return this.#stored?.masterId
  }

  lose(): void {
    this.#stored = undefined
  }

  /** As `process` uses it. */
  storeFor(process: VirtualProcess): VoteStore {
    const user = ++this.#user
    return {
      open: () => Promise.resolve(this.#stored),
      save: (vote) => this.#save(process, user, vote),
      end: () => Promise.resolve(),
    }
  }

  #save(process: VirtualProcess, user: number, vote: StoredVote): Promise<void> {
    const { world } = process
    const ms = this.commitMs * world.random.between(0.5, 1.5)
    const isFull = this.isFull
    return new Promise((resolve, reject) => {
      world.after(ms, () => {
        // What a dead process still had under way may have been written, unless another one has begun.
        if (!isFull && user === this.#user) this.#stored = vote
        // It is on the disk a moment before the process knows.
        world.after(ms / 10, () =>
          process.turn('disk answers', () => (isFull ? reject(new Error(DISK_FULL)) : resolve())),
        )
      })
    })
  }
}
