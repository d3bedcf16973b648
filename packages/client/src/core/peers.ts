import { NONE, type Topology } from '@icf/common'
import { Peer, type Stamp } from './peer.js'
import type { WriteNumbers } from './write-numbers.js'

/** The servers of the present topology, and which of them owns a slot. */
export class Peers {
  #byId = new Map<string, Peer>()
  #bySeat: (Peer | undefined)[] = []
  #primary: Readonly<Uint16Array> = new Uint16Array()
  readonly #stamp: Stamp = { epoch: 0, version: 0 }

  constructor(private readonly numbers: WriteNumbers) {}

  get count(): number {
    return this.#byId.size
  }

  has(peer: Peer): boolean {
    return this.#byId.get(peer.server.id) === peer
  }

  ownerOf(slot: number): Peer | undefined {
    const seat = this.#primary[slot]!
    return seat === NONE ? undefined : this.#bySeat[seat]
  }

  /** Goes by this topology from now on. @returns the peers whose server is no longer there */
  adopt(topology: Topology): Peer[] {
    this.#stamp.epoch = topology.epoch
    this.#stamp.version = topology.version
    this.#primary = topology.primary
    const before = this.#byId
    this.#byId = new Map()
    this.#bySeat = topology.servers.map((server) => {
      if (server === undefined) return undefined
      const peer = before.get(server.id) ?? new Peer(server, this.#stamp, this.numbers)
      peer.server = server
      before.delete(server.id)
      this.#byId.set(server.id, peer)
      return peer
    })
    return [...before.values()]
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#byId.values()
  }
}
