import { mkdir } from 'node:fs/promises'
import { IcfError } from '@icf/common'
import { lockDirectory } from './lock-file.js'
import { loadState, saveState, stateFilePath, type StoredState } from './state-file.js'

/** The right to be the active master for one epoch. */
export interface Term {
  /** Greater than that of any earlier term. */
  readonly epoch: number
  /** The newest state that was ever in effect; undefined for a new cluster. */
  readonly stored: StoredState | undefined
}

/** What makes one master the active one, and its decisions safe from the loss of it. */
export interface Coordination {
  /** Resolves when this process is the active master. */
  begin(): Promise<Term>
  /** Resolves when the state is safe: from then on it is in effect. One at a time. */
  commit(state: StoredState): Promise<void>
  end(): Promise<void>
}

/** A master without a standby is its own majority; its state is safe in a file. */
export class FileCoordination implements Coordination {
  readonly #dataDir: string
  readonly #cluster: string
  readonly #path: string
  readonly #wallTimeMs: () => number
  #unlock: (() => Promise<void>) | undefined

  constructor(dataDir: string, cluster: string, wallTimeMs: () => number) {
    this.#dataDir = dataDir
    this.#cluster = cluster
    this.#wallTimeMs = wallTimeMs
    this.#path = stateFilePath(dataDir)
  }

  async begin(): Promise<Term> {
    try {
      await mkdir(this.#dataDir, { recursive: true })
    } catch (cause) {
      throw new IcfError('INVALID_ARGUMENT', `can not create ${this.#dataDir}: ${(cause as Error).message}`, {
        cause,
      })
    }
    this.#unlock = await lockDirectory(this.#dataDir)
    try {
      const stored = await loadState(this.#path, this.#cluster)
      return { epoch: nextEpoch(stored?.topology.epoch ?? 0, this.#wallTimeMs()), stored }
    } catch (error) {
      await this.end()
      throw error
    }
  }

  commit(state: StoredState): Promise<void> {
    return saveState(this.#path, this.#cluster, state)
  }

  async end(): Promise<void> {
    await this.#unlock?.()
    this.#unlock = undefined
  }
}

/** Keeps nothing: after a restart, all that is known is what the servers that run tell. */
export class MemoryCoordination implements Coordination {
  readonly #wallTimeMs: () => number

  constructor(wallTimeMs: () => number) {
    this.#wallTimeMs = wallTimeMs
  }

  begin(): Promise<Term> {
    return Promise.resolve({ epoch: nextEpoch(0, this.#wallTimeMs()), stored: undefined })
  }

  commit(): Promise<void> {
    return Promise.resolve()
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * The time of day, so that an epoch means the same term even when the state was lost or is an old copy: clients would
 * take new topologies for old ones, and the master what others led to for its own.
 */
function nextEpoch(last: number, wallTimeMs: number): number {
  return Math.max(last + 1, Math.floor(wallTimeMs / 1000))
}
