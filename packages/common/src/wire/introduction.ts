import type { MasterInfo } from '../topology/topology.js'
import { checkTiming, type Timing } from '../timing.js'
import type { Address } from '../runtime.js'
import { ANY_KEY } from './any-keys.js'
import { count, text } from './checks.js'
import type { Role } from './messages.js'

/** What each end says of itself when a link opens. */
export interface Introduction {
  readonly role: Role
  readonly cluster: string
  /** Id of the process; '' where it has none. */
  readonly id: string
  /** Depends on both roles: the functions beside this and in `registration.ts` make and read them. */
  readonly details: readonly unknown[]
}

/** What the other end said of itself. */
export interface RemoteIntroduction extends Introduction {
  /** That it speaks. */
  readonly protocolVersion: number
}

/** Where a master is: enough to find out the rest. */
export type MasterPlace = Pick<MasterInfo, 'id' | 'host' | 'port'>

/** Details are few. Any master knows the others, so that some of them are enough. */
const TOLD_MASTERS = 9

/** Of a master to a cache server. @param masters that it knows: a standby has no topology to tell, but one of them has */
export function timingDetails(
  { heartbeatIntervalMs, leaseMs, deadAfterMs }: Timing,
  masters: readonly MasterPlace[],
): readonly (number | string)[] {
  return [heartbeatIntervalMs, leaseMs, deadAfterMs, ...mastersDetails(masters)]
}

/** Of a master to a client or an operator. @param masters that it knows */
export function mastersDetails(masters: readonly MasterPlace[]): readonly (number | string)[] {
  return masters.slice(0, TOLD_MASTERS).flatMap(({ id, host, port }) => [id, host, port])
}

/**
 * What a master tells a cache server, a client or an operator of masters; earlier releases tell nothing.
 * @throws IcfError PROTOCOL
 */
export function readMasters(
  { details }: Introduction,
  opener: 'cache-server' | 'client' | 'admin',
): MasterPlace[] {
  const flat = opener === 'cache-server' ? details.slice(3) : details
  const masters: MasterPlace[] = []
  for (let at = 0; at < flat.length; at += 3)
    masters.push({
      id: text(flat[at], 'id of a master'),
      host: text(flat[at + 1], 'host of a master'),
      port: count(flat[at + 2], 'port of a master', 65_535),
    })
  return masters
}

/** @throws IcfError INVALID_ARGUMENT for what makes no sense */
export function readTiming({ details }: Introduction): Timing {
  const [heartbeatIntervalMs, leaseMs, deadAfterMs] = details as number[]
  return checkTiming({
    heartbeatIntervalMs: heartbeatIntervalMs!,
    leaseMs: leaseMs!,
    deadAfterMs: deadAfterMs!,
  })
}

/** What a master knows of its cluster: nothing, the state of one that it had alone, or that of one that it shares. */
export const Knowledge = { NOTHING: 0, OWN: 1, SHARED: 2 } as const
export type Knowledge = (typeof Knowledge)[keyof typeof Knowledge]

/** What masters say of themselves to each other. */
export interface MasterDetails {
  /** Where it listens. */
  readonly address: Address
  /** Of its HTTP; 0: none. */
  readonly httpPort: number
  readonly machine: string
  readonly knows: Knowledge
}

export function masterDetails({
  address,
  httpPort,
  machine,
  knows,
}: MasterDetails): readonly (number | string)[] {
  return [address.host, address.port, httpPort, machine, knows]
}

/** @throws IcfError PROTOCOL */
export function readMasterDetails({ details }: Introduction): MasterDetails {
  const [host, port, httpPort, machine, knows] = details
  return {
    address: { host: text(host, 'host of a master'), port: count(port, 'port of a master', 65_535) },
    httpPort: count(httpPort, 'HTTP port of a master', 65_535),
    machine: text(machine, 'machine of a master'),
    knows: count(knows, 'knowledge of a master', Knowledge.SHARED) as Knowledge,
  }
}

/** Of a client to the cache server that it means. */
export function clientDetails(serverId: string): readonly string[] {
  return [serverId]
}

/** Of a primary to the cache server that it means. @param channel that the link belongs to */
export function primaryDetails(channel: number, serverId: string): readonly (number | string)[] {
  return [channel, serverId, ANY_KEY]
}

/** @throws IcfError PROTOCOL */
export function readChannel({ details: [channel] }: Introduction): number {
  return count(channel, 'number of the channel in HELLO')
}

/** The server that the opener of a link means; undefined: whichever is there. */
export function meantServer({ role, details }: Introduction): unknown {
  if (role === 'client') return details[0]
  return role === 'cache-server' ? details[1] : undefined
}
