import {
  decodeTopology,
  MessageType,
  NONE,
  readUpdateVersion,
  type Message,
  type Topology,
} from '@icf/common'

/** A copy that its slot's primary has to make. */
interface Copy {
  readonly slot: number
  readonly to: number
  readonly since: number
  readonly isHandOff: boolean
}

/** The newest topology that any of the servers of this process was sent, and what there is to do in it: read once for all. */
export class Followed {
  #topology: Topology | undefined
  #seats = new Map<string, number>()
  #copies = new Map<number, Copy[]>()

  get epoch(): number {
    return this.#topology?.epoch ?? 0
  }

  follow(message: Message): void {
    const { epoch, version } = readUpdateVersion(message)
    const before = this.#topology
    if (before && (epoch < before.epoch || (epoch === before.epoch && version <= before.version))) return
    const topology = decodeTopology(message[1], before)
    // Of a difference from what none of them has; the server that was sent it has fallen behind the others.
    if (!topology) return
    this.#topology = topology
    this.#seats = new Map(topology.servers.map((server, seat) => [server?.id ?? '', seat]))
    this.#copies = new Map()
    for (const [slot, { to, since, intent }] of topology.transitions) {
      const seat = topology.primary[slot]!
      const copy = { slot, to, since, isHandOff: intent === 'primary' }
      const copies = this.#copies.get(seat)
      if (copies) copies.push(copy)
      else this.#copies.set(seat, [copy])
    }
  }

  /** What this server says when it has made all copies that it is asked for. @param reported slot → `since`; updated */
  reportsOf(id: string, reported: Map<number, number>): Message[] {
    const groups = new Map<string, number[]>()
    for (const { slot, to, since, isHandOff } of this.#copies.get(this.#seats.get(id) ?? NONE) ?? []) {
      if (reported.get(slot) === since) continue
      reported.set(slot, since)
      const type = isHandOff ? MessageType.SLOTS_HANDED_OFF : MessageType.SLOTS_COPIED
      const key = `${type} ${this.#topology!.servers[to]!.id}`
      const flat = groups.get(key)
      if (flat) flat.push(slot, since)
      else groups.set(key, [slot, since])
    }
    return [...groups].map(([key, flat]) => {
      const [type, to] = key.split(' ')
      return [Number(type), to, flat.length / 2, 100 * flat.length, flat]
    })
  }
}
