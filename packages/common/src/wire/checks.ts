import { IcfError } from '../errors.js'

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/**
 * A whole number from 0 on.
 * @param what the message, for the error
 * @throws IcfError PROTOCOL
 */
export function count(value: unknown, what: string): number {
  if (!isCount(value)) throw malformed(what)
  return value
}

/** @throws IcfError PROTOCOL */
export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw malformed(what)
  return value
}

/** Statistics may be fractional, and one that is missing or out of order is no reason to drop a server. */
export function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}

export function malformed(what: string): IcfError {
  return new IcfError('PROTOCOL', `malformed ${what}`)
}
