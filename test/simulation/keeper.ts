import { isDataFrame, MessageType, SocketState, type Topology } from '@icf/common'
import type { SimCluster, SimServer } from './cluster.js'
import type { VirtualProcess } from './virtual/process.js'
import type { VirtualSocket } from './virtual/socket.js'
import { readFrame } from './words/message.js'

/**
 * Finds the server to which all others leave everything, from when it says to the active master that it follows a topology by
 * which it has all of it: from then on there is one copy, docs/failure-model.md. What it says is looked at where it says it,
 * whatever the master makes of that.
 */
export class KeeperFinder {
  /** What its server followed when it last sent a heartbeat over this connection to a master. */
  readonly #said = new WeakMap<VirtualSocket, Topology>()

  constructor(private readonly cluster: SimCluster) {
    cluster.network.sent = (socket, to, frame) => this.#sent(socket, to, frame)
  }

  find(): SimServer | undefined {
    const { topology, masters, network } = this.cluster
    const seat = topology && keepingSeat(topology)
    const keeper = seat === undefined ? undefined : this.cluster.seats(topology!)[seat]
    if (!keeper) return undefined
    const hasSaid = (socket: VirtualSocket): boolean => {
      const said = socket.readyState === SocketState.OPEN ? this.#said.get(socket) : undefined
      return said?.epoch === topology!.epoch && keepingSeat(said) === seat
    }
    return network.socketsBetween(keeper.process, masters.acting.process).some(hasSaid) ? keeper : undefined
  }

  #sent(socket: VirtualSocket, to: VirtualProcess, frame: Uint8Array): void {
    if (isDataFrame(frame) || !this.cluster.masters.processes.includes(to)) return
    const sender = this.cluster.servers.find(({ process }) => process === socket.process)
    if (sender && readFrame(frame as Buffer)[0] === MessageType.KEEP_ALIVE)
      this.#said.set(socket, sender.incarnation.core.slots.topology)
  }
}

/** Of the only one that stays, when it is the primary of every slot and nothing is under way. */
function keepingSeat({ servers, primary, transitions }: Topology): number | undefined {
  const staying = [...servers.keys()].filter((seat) => servers[seat]?.state === 'active')
  const [seat] = staying
  return staying.length === 1 && transitions.size === 0 && primary.every((each) => each === seat)
    ? seat
    : undefined
}
