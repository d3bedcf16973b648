import { errorToWire, IcfError } from '../errors.js'
import type { Topology } from '../topology/topology.js'
import { isCount } from './checks.js'

/** An answer to a command that is an error. */
export interface ErrorResult {
  /** The number of its code, for `errorFromWire`. */
  readonly wire: number
  readonly text: string
  /** Of a topology that the server has. */
  readonly epoch: number
  readonly version: number
}

/** Stands in RESULTS in the place of a result. */
export function errorResult(
  { code, message }: Pick<IcfError, 'code' | 'message'>,
  { epoch, version }: Pick<Topology, 'epoch' | 'version'>,
): readonly unknown[] {
  return [-1, errorToWire(code), message, epoch, version]
}

/** Whether a result is an error, and not a value. */
export function isErrorResult(result: unknown): result is readonly unknown[] {
  return Array.isArray(result) && result[0] === -1
}

/** @throws IcfError PROTOCOL */
export function readErrorResult([, wire, text, epoch, version]: readonly unknown[]): ErrorResult {
  if (isCount(wire) && typeof text === 'string' && isCount(epoch) && isCount(version))
    return { wire, text: text.slice(0, 1000), epoch, version }
  throw new IcfError('PROTOCOL', 'the server answered with an error that has no number, text or topology')
}
