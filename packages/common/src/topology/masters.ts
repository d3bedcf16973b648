import { limits } from '../limits.js'
import { asArray, asPort, asText, malformed, withoutTwins } from './checks.js'
import type { MasterInfo } from './topology.js'

export function encodeMasters(masters: readonly MasterInfo[]): unknown[] {
  return masters.map(({ id, host, port, httpPort, machine }) => [id, host, port, httpPort, machine])
}

/** @throws IcfError PROTOCOL */
export function decodeMasters(wire: unknown): MasterInfo[] {
  const list = asArray(wire, 'masters')
  if (list.length > limits.maxMasters)
    throw malformed('masters', `an array of at most ${limits.maxMasters}`, list)
  return withoutTwins(list.map(decodeMaster))
}

function decodeMaster(wire: unknown): MasterInfo {
  const [id, host, port, httpPort, machine] = asArray(wire, 'master')
  return {
    id: asText(id, 'id of a master'),
    host: asText(host, 'host of a master'),
    port: asPort(port, 'port of a master'),
    httpPort: asPort(httpPort, 'HTTP port of a master'),
    machine: asText(machine, 'machine of a master'),
  }
}
