import type { Coordination, Term } from './coordination.js'
import { takeDirectory } from './data-directory.js'
import { loadState, saveState, stateFilePath, type StoredState } from './state-file.js'

/** A master without a standby is its own majority; its state is safe in a file. */
export class FileCoordination implements Coordination {
  readonly #dataDir: string
  readonly #cluster: string
  readonly #path: string
  readonly #wallTimeMs: () => number
  #stored: StoredState | undefined
  #unlock: (() => Promise<void>) | undefined

  constructor(dataDir: string, cluster: string, wallTimeMs: () => number) {
    this.#dataDir = dataDir
    this.#cluster = cluster
    this.#wallTimeMs = wallTimeMs
    this.#path = stateFilePath(dataDir)
  }

  readonly peers = undefined
  readonly votes = undefined

  /** @returns the id that it had before, so that who looks for it under another address finds that it is the same */
  async open(): Promise<string | undefined> {
    this.#unlock = await takeDirectory(this.#dataDir)
    this.#stored = await loadState(this.#path, this.#cluster)
    return this.#stored?.topology.masters[0]?.id
  }

  campaign(): Promise<Term> {
    const commit = (state: StoredState): Promise<void> => saveState(this.#path, this.#cluster, state)
    return Promise.resolve(loneTerm(this.#stored, this.#wallTimeMs(), commit))
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

  readonly peers = undefined
  readonly votes = undefined

  open(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  campaign(): Promise<Term> {
    return Promise.resolve(loneTerm(undefined, this.#wallTimeMs(), () => Promise.resolve()))
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * Nobody takes it away. Its epoch is the time of day, so that an epoch means the same term even when the state was lost or
 * is an old copy: clients would take new topologies for old ones, and the master what others led to for its own.
 */
export function loneTerm(stored: StoredState | undefined, wallTimeMs: number, commit: Term['commit']): Term {
  return {
    epoch: Math.max((stored?.topology.epoch ?? 0) + 1, Math.floor(wallTimeMs / 1000)),
    stored,
    validUntil: Infinity,
    mayBeBehind: true,
    lost: new Promise(() => undefined),
    commit,
    surpassed: () => undefined,
  }
}
