import { IcfError, Knowledge, type KeptState } from '@icf/common'
import { readBody } from './kept-body.js'
import type { PeerMaster } from './master-peers.js'
import type { StoredAlone, StoredVote } from './vote-file.js'

/**
 * A cluster begins when all masters that are to be there have met, and none of them knows of one: the one with the smallest
 * id founds it, alone, and the others get a vote as they come. One that has the state of a cluster begins with that.
 */
export class Founding {
  #alone: KeptState | undefined

  /** Whether this master has a state that it had alone, and has not founded a cluster with yet. */
  get hasOwn(): boolean {
    return this.#alone !== undefined
  }

  /** What was stored, as a vote. That of a master that was alone so far is none yet. */
  voteFrom(stored: StoredVote | StoredAlone | undefined, newId: () => string): StoredVote {
    if (stored && 'masterId' in stored) return stored
    const masterId = newId()
    if (stored) {
      const { epoch, version } = readBody(stored.body, 'the state').topology
      this.#alone = { epoch, version, ...aloneWith(masterId), body: stored.body }
    }
    return { masterId, epoch: 0, accepted: undefined }
  }

  /** @param peers all others that are to be there: none may be missing, or know more */
  isDue(self: string, peers: readonly (PeerMaster | undefined)[]): boolean {
    return peers.every((peer) => {
      if (!peer || peer.details.knows !== Knowledge.NOTHING) return false
      return this.hasOwn || peer.id > self
    })
  }

  /** What the cluster begins with. */
  begin(self: string): KeptState {
    const state = this.#alone ?? { epoch: 0, version: 0, ...aloneWith(self), body: new Uint8Array() }
    this.#alone = undefined
    return state
  }
}

export function hasOwnState(): IcfError {
  return new IcfError(
    'STATE_UNAVAILABLE',
    'this master has the state of a cluster of its own, and so has another: move the state file of one of them away',
  )
}

/** Voters while there is but one. */
export function aloneWith(masterId: string): Pick<KeptState, 'voters' | 'masters' | 'former'> {
  return { voters: [masterId], masters: [masterId], former: undefined }
}
