import { CommandCode, IcfError } from '@icf/common'
import { decodeValue } from './value.js'

/**
 * What a server answered to a command: what its caller gets, or why there is nothing to get.
 * @throws IcfError PROTOCOL when it is no answer to that command: then nobody knows what the server did
 */
export function readResult(code: CommandCode, wire: unknown): unknown {
  switch (code) {
    case CommandCode.GET:
      return decodeValue(wire)
    case CommandCode.SET:
      if (wire === true) return undefined
      break
    case CommandCode.TTL:
      if (wire === null) return undefined
      if (wire === -1) return null
      if (typeof wire === 'number' && wire >= 0) return wire
      break
    default:
      if (typeof wire === 'boolean') return wire
  }
  throw new IcfError('PROTOCOL', 'the server answered with something that is no answer to this command')
}
