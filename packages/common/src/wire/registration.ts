import { IcfError } from '../errors.js'
import { limits } from '../limits.js'
import type { ServerInfo } from '../topology/topology.js'
import { isCount, shown } from './checks.js'
import { CAN_COMPARE } from './audit.js'
import type { Introduction } from './introduction.js'

const HOST = 'a name or an IP address, without brackets, port or zone'
const TEXT = `a text of at most ${limits.maxNameLength} characters`
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?=\d)|$)){4}$/
const IPV6_WHOLE = /^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}$/i
const IPV6_SHORTENED = /^(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?$/i
/** What ends in a number is read as an IPv4 address wherever addresses are read. */
const HOST_NAME = /^(?:[\w-]+\.)*(?!(?:\d+|0x[0-9a-f]*)\.?$)[\w-]+\.?$/i

/** What a cache server says of itself to a master. */
export interface Registration {
  readonly info: ServerInfo
  readonly maxMemoryBytes: number
  /** Of the topology that it follows; 0: of none, it is new and empty. */
  readonly epoch: number
  readonly version: number
  /** Whether it knows AUDIT_SLOTS; earlier releases do not. */
  readonly canCompare: boolean
}

/** The details of its introduction; its id is not among them. */
export function registrationDetails({
  info,
  maxMemoryBytes,
  epoch,
  version,
}: Omit<Registration, 'info' | 'canCompare'> & {
  readonly info: Omit<ServerInfo, 'id' | 'state'>
}): readonly unknown[] {
  const { host, port, respPort, zone, weight, machine } = info
  return [host, port, respPort, zone, weight, maxMemoryBytes, epoch, version, machine, CAN_COMPARE]
}

/** @throws IcfError INVALID_ARGUMENT with a text that tells an operator what to change */
export function readRegistration({ id, details }: Pick<Introduction, 'id' | 'details'>): Registration {
  const [host, port, respPort, zone, weight, maxMemoryBytes, epoch = 0, version = 0, machine = '', compares] =
    details
  check(/^[0-9a-f]{40}$/.test(id), 'id', '40 lowercase hex characters', id)
  checkReachable(host, 'cache server')
  check(isPort(port, 1), 'port', 'a whole number from 1 to 65535', port)
  check(isPort(respPort, 0), 'RESP port', 'a whole number from 0 to 65535', respPort)
  check(isText(machine), 'machine', TEXT, machine)
  check(isText(zone), 'zone', TEXT, zone)
  const isWeight = typeof weight === 'number' && weight >= 0 && weight <= limits.maxWeight
  check(isWeight, 'weight', `a number from 0 to ${limits.maxWeight}`, weight)
  const isMemory = isCount(maxMemoryBytes) && maxMemoryBytes > 0
  check(isMemory, 'memory', 'a whole number of bytes', maxMemoryBytes)
  check(isCount(epoch), 'epoch', 'a whole number from 0 on', epoch)
  check(isCount(version), 'version', 'a whole number from 0 on', version)
  return {
    info: {
      id,
      host: host as string,
      port: port as number,
      respPort: respPort as number,
      zone: zone as string,
      machine: machine as string,
      weight: weight as number,
      state: 'active',
    },
    maxMemoryBytes: maxMemoryBytes as number,
    epoch: epoch as number,
    version: version as number,
    canCompare: compares === CAN_COMPARE,
  }
}

/** @throws IcfError INVALID_ARGUMENT when nobody can connect to a process by that host */
export function checkReachable(host: unknown, what: 'cache server' | 'master'): void {
  if (isText(host) && isWildcard(host))
    throw new IcfError(
      'INVALID_ARGUMENT',
      `${host} stands for every address of a machine: nobody can reach a ${what} by it. Start it with --advertise-host and the address by which the others reach it`,
    )
  if (!isText(host) || !isHost(host))
    throw new IcfError('INVALID_ARGUMENT', `the host of a ${what} must be ${HOST}, got ${shown(host)}`)
}

function check(isRight: boolean, what: string, right: string, value: unknown): void {
  if (isRight) return
  throw new IcfError(
    'INVALID_ARGUMENT',
    `the ${what} of a cache server must be ${right}, got ${shown(value)}`,
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= limits.maxNameLength
}

/** Whether it can stand before a port in an address that others connect to. */
function isHost(host: string): boolean {
  return IPV4.test(host) || isIPv6(host) || HOST_NAME.test(host)
}

function isIPv6(host: string): boolean {
  // The last 32 bits may be written as an IPv4 address.
  const text = host.replace(/(?<=:)[\d.]+\.[\d.]+$/, (tail) => (IPV4.test(tail) ? '0:0' : tail))
  const groups = text.split(':').filter((group) => group !== '').length
  return IPV6_WHOLE.test(text) || (IPV6_SHORTENED.test(text) && groups < 8)
}

/** 0.0.0.0, :: and their other spellings: an address to listen at, but none to connect to. */
function isWildcard(host: string): boolean {
  return host === '*' || /^\[?(::ffff:)?[0:.]+\]?$/i.test(host)
}

function isPort(value: unknown, lowest: number): boolean {
  return Number.isInteger(value) && (value as number) >= lowest && (value as number) <= 65535
}
