import { IcfError, limits, type Role, type ServerInfo } from '@icf/common'
import type { Hello } from './events.js'

/** A ring point for each virtual node and unit of weight: beyond this a single server would flood the ring. */
const MAX_WEIGHT = 1000

/** What a cache server says of itself. */
export interface ServerHello {
  readonly info: ServerInfo
  readonly maxMemoryBytes: number
}

/** @throws IcfError WRONG_ROLE */
export function checkRole(role: Role): void {
  switch (role) {
    case 'client':
    case 'admin':
    case 'cache-server':
      return
    case 'master':
    case 'probe':
      throw new IcfError('WRONG_ROLE', `a master does not accept the role "${role}"`)
    default:
      return role satisfies never
  }
}

/** @throws IcfError INVALID_ARGUMENT with a text that tells an operator what to change */
export function readServerHello({ id, details }: Hello): ServerHello {
  const [host, port, respPort, zone, weight, maxMemoryBytes] = details
  check(/^[0-9a-f]{40}$/.test(id), 'the id of a cache server must be 40 lowercase hex characters')
  check(isText(host) && /^[^\s/]+$/.test(host), 'the host of a cache server must be a name or an IP address')
  check(isPort(port, 1), 'the port of a cache server must be a whole number from 1 to 65535')
  check(isPort(respPort, 0), 'the RESP port of a cache server must be a whole number from 0 to 65535')
  check(
    isText(zone),
    `the zone of a cache server must be a text of at most ${limits.maxNameLength} characters`,
  )
  check(
    typeof weight === 'number' && weight >= 0 && weight <= MAX_WEIGHT,
    `the weight of a cache server must be a number from 0 to ${MAX_WEIGHT}`,
  )
  check(
    Number.isSafeInteger(maxMemoryBytes) && (maxMemoryBytes as number) > 0,
    'the memory of a cache server must be a whole number of bytes',
  )
  return {
    info: {
      id,
      host: host as string,
      port: port as number,
      respPort: respPort as number,
      zone: zone as string,
      weight: weight as number,
      state: 'active',
    },
    maxMemoryBytes: maxMemoryBytes as number,
  }
}

function check(isRight: boolean, text: string): void {
  if (!isRight) throw new IcfError('INVALID_ARGUMENT', text)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= limits.maxNameLength
}

function isPort(value: unknown, lowest: number): boolean {
  return Number.isInteger(value) && (value as number) >= lowest && (value as number) <= 65535
}
