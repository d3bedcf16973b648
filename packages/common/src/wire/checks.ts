import { IcfError } from '../errors.js'

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/**
 * A whole number from 0 to `most`.
 * @param what the field and its message, for the error
 * @throws IcfError PROTOCOL, as all of these
 */
export function count(value: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  if (!isCount(value) || value > most)
    throw new IcfError('PROTOCOL', `the ${what} must be a whole number from 0 to ${most}`)
  return value
}

/** A text. @param what the field and its message */
export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new IcfError('PROTOCOL', `the ${what} must be a text`)
  return value
}

/** Statistics may be fractional, and one that is missing or out of order is no reason to drop a server. */
export function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}

export function malformed(what: string): IcfError {
  return new IcfError('PROTOCOL', `malformed ${what}`)
}
