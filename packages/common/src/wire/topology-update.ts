import { decodeTopology, encodeTopology } from '../topology/codec.js'
import type { Topology } from '../topology/topology.js'
import { count, malformed } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** The messages that carry a topology, by what it was changed for. */
export type UpdateType = 4 | 6 | 7 | 9 | 10

/** Send me the whole of the topology that you follow. */
export const topologyRequest: Message = Object.freeze([MessageType.DISTRIBUTION_REQUEST])

/**
 * @param update as `encodeTopology` or `encodeDifference` makes it
 * @param concerned ids of the servers that the change is about
 */
export function topologyUpdateMessage(
  type: UpdateType,
  update: readonly unknown[],
  concerned: readonly string[],
): Message {
  return [type, update, concerned]
}

/** The whole of it, as an answer to a request. */
export function wholeTopologyMessage(topology: Topology): Message {
  return topologyUpdateMessage(MessageType.DISTRIBUTION_RESPOND, encodeTopology(topology), [])
}

/** Whether a message carries a topology, for `readTopologyUpdate`. */
export function isTopologyUpdate([type]: Message): boolean {
  return (
    type === MessageType.DISTRIBUTION_RESPOND ||
    type === MessageType.ADD_CACHE_SERVER ||
    type === MessageType.SHUTDOWN_CACHE ||
    type === MessageType.REFLESH_MASTER ||
    type === MessageType.REFLESH_IP
  )
}

/** Which topology an update leads to. @throws IcfError PROTOCOL */
export function readUpdateVersion([, update]: Message): { epoch: number; version: number } {
  if (!Array.isArray(update)) throw malformed('topology update', 'an array', update)
  const [, epoch, version] = update as unknown[]
  return {
    epoch: count(epoch, 'epoch of a topology update'),
    version: count(version, 'version of a topology update'),
  }
}

/** As `decodeTopology`: undefined when the update is the difference from another topology than `base`. */
export function readTopologyUpdate(
  [, update]: Message,
  base: Topology | undefined,
  slotCount?: number,
): Topology | undefined {
  return decodeTopology(update, base, slotCount)
}
