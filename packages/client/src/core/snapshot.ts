import { keyOf, keySlot, NONE, presentServers, type ServerInfo, type Topology } from '@icf/common'
import type { GivenKey } from './key.js'

/** Where a key's data is. Undefined: no server has that copy now. */
export interface Location {
  readonly slot: number
  /** Serves the key. */
  readonly primary: ServerInfo | undefined
  /** Holds the second copy, when things last settled or a primary changed. */
  readonly backup: ServerInfo | undefined
}

/** Who is there and who owns what, at one moment; it never changes. Compare two by `epoch`, then `version`. */
export class TopologySnapshot {
  /** Term of the active master. */
  readonly epoch: number
  readonly version: number
  /** The cache servers that are there. */
  readonly servers: readonly ServerInfo[]
  readonly #topology: Topology

  constructor(topology: Topology) {
    this.epoch = topology.epoch
    this.version = topology.version
    this.servers = Object.freeze(presentServers(topology))
    this.#topology = topology
  }

  /** The server that serves a slot (0 … 16383), or undefined while none does. */
  primaryOf(slot: number): ServerInfo | undefined {
    return this.#at(this.#topology.primary[slot])
  }

  /**
   * The server that holds the complete second copy of a slot, or undefined while none does. While copies are made, as it was
   * when a primary changed last: who holds backups alone is told to clients when all has settled.
   */
  backupOf(slot: number): ServerInfo | undefined {
    return this.#at(this.#topology.backup[slot])
  }

  where(key: GivenKey): Location {
    const slot = keySlot(keyOf(key), this.#topology.primary.length)
    return { slot, primary: this.primaryOf(slot), backup: this.backupOf(slot) }
  }

  #at(seat: number | undefined): ServerInfo | undefined {
    return seat === undefined || seat === NONE ? undefined : this.#topology.servers[seat]
  }
}
