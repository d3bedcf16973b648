import { takeDirectory } from '../data-directory.js'
import { stateFilePath } from '../state-file.js'
import { loadVote, saveVote, type StoredAlone, type StoredVote } from './vote-file.js'

/** Where a master keeps its vote. */
export interface VoteStore {
  /** @throws IcfError INVALID_ARGUMENT, STATE_UNAVAILABLE: this process may not run */
  open(): Promise<StoredVote | StoredAlone | undefined>
  /** Safe when it resolves. One at a time. */
  save(vote: StoredVote): Promise<void>
  /** Also when `open` failed. */
  end(): Promise<void>
}

export class FileVoteStore implements VoteStore {
  #release: (() => Promise<void>) | undefined

  constructor(
    private readonly dataDir: string,
    private readonly cluster: string,
  ) {}

  async open(): Promise<StoredVote | StoredAlone | undefined> {
    this.#release = await takeDirectory(this.dataDir)
    return loadVote(stateFilePath(this.dataDir), this.cluster)
  }

  save(vote: StoredVote): Promise<void> {
    return saveVote(stateFilePath(this.dataDir), this.cluster, vote)
  }

  async end(): Promise<void> {
    await this.#release?.()
    this.#release = undefined
  }
}

/** Keeps nothing: a master that is started again is another one, and has to be given a vote anew. */
export class MemoryVoteStore implements VoteStore {
  open(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  save(): Promise<void> {
    return Promise.resolve()
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}
