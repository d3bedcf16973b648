import { limits } from '../limits.js'
import type { Address } from '../runtime.js'
import { count, malformed, text } from './checks.js'
import { MessageType, type Message } from './messages.js'

/** What a probe of a server's address found. */
export type ProbeOutcome = 'gone' | 'alive' | 'unknown'

/** The connection to this server broke. */
export function suspectMessage(serverId: string): Message {
  return [MessageType.SUSPECT, serverId]
}

/** @returns the id of the server whose connection broke. @throws IcfError PROTOCOL, as all of these */
export function readSuspect([, serverId]: Message): string {
  return text(serverId, 'server of SUSPECT')
}

/** All the servers that this one fails to reach, time and again; none: it reaches all. */
export function unreachableMessage(serverIds: readonly string[]): Message {
  return [MessageType.UNREACHABLE, serverIds]
}

/** @returns ids of servers, as many as a cluster can have at most */
export function readUnreachable([, serverIds]: Message): string[] {
  if (!Array.isArray(serverIds) || serverIds.length > limits.maxServers)
    throw malformed('servers of UNREACHABLE', `an array of up to ${limits.maxServers} ids`, serverIds)
  return (serverIds as unknown[]).map((id) => text(id, 'servers of UNREACHABLE'))
}

export interface Probe {
  /** Names it in its result. */
  readonly number: number
  /** Of the server that was at the address. */
  readonly serverId: string
  readonly address: Address
}

/** Is the process of the server at this address gone? */
export function probeMessage({ number, serverId, address: { host, port } }: Probe): Message {
  return [MessageType.PROBE, number, serverId, host, port]
}

export function readProbe([, number, serverId, host, port]: Message): Probe {
  const address = { host: text(host, 'host of PROBE'), port: count(port, 'port of PROBE', 65_535) }
  return { number: count(number, 'number of PROBE'), serverId: text(serverId, 'server of PROBE'), address }
}

export function probeResultMessage(number: number, outcome: ProbeOutcome): Message {
  return [MessageType.PROBE_RESULT, number, outcome]
}

export function readProbeResult([, number, outcome]: Message): { number: number; outcome: ProbeOutcome } {
  if (outcome !== 'gone' && outcome !== 'alive' && outcome !== 'unknown')
    throw malformed('outcome of PROBE_RESULT', '"gone", "alive" or "unknown"', outcome)
  return { number: count(number, 'number of PROBE_RESULT'), outcome }
}
