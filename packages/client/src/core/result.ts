import { CommandCode, IcfError } from '@icf/common'
import { decodeValue } from './value.js'

/** An answer of a server that is an error. */
export interface Refusal {
  readonly wire: number
  readonly text: string
  /** Of the server's topology. */
  readonly epoch: number
  readonly version: number
}

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

/** Whether an answer is an error, and not a value. */
export function isRefusal(wire: unknown): wire is readonly unknown[] {
  return Array.isArray(wire) && wire[0] === -1
}

/** @throws IcfError PROTOCOL when it is not [-1, error number, text, epoch, version] */
export function readRefusal([, wire, text, epoch, version]: readonly unknown[]): Refusal {
  if (isCount(wire) && typeof text === 'string' && isCount(epoch) && isCount(version))
    return { wire, text: text.slice(0, 1000), epoch, version }
  throw new IcfError('PROTOCOL', 'the server answered with an error that has no number, text or topology')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
