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
  return text(serverId, 'SUSPECT')
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
  if (typeof port !== 'number') throw malformed('PROBE')
  const address = { host: text(host, 'PROBE'), port }
  return { number: count(number, 'PROBE'), serverId: text(serverId, 'PROBE'), address }
}

export function probeResultMessage(number: number, outcome: ProbeOutcome): Message {
  return [MessageType.PROBE_RESULT, number, outcome]
}

export function readProbeResult([, number, outcome]: Message): { number: number; outcome: ProbeOutcome } {
  if (outcome !== 'gone' && outcome !== 'alive' && outcome !== 'unknown') throw malformed('PROBE_RESULT')
  return { number: count(number, 'PROBE_RESULT'), outcome }
}
