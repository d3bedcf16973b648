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
  if (!isCount(value) || value > most) throw malformed(what, `a whole number from 0 to ${most}`, value)
  return value
}

/** A text. @param what the field and its message */
export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw malformed(what, 'a text', value)
  return value
}

/** Statistics may be fractional, and one that is missing or out of order is no reason to drop a server. */
export function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}

/**
 * @param what the field and its message
 * @param right what it must be
 * @param value what came
 */
export function malformed(what: string, right: string, value: unknown): IcfError {
  return new IcfError('PROTOCOL', `the ${what} must be ${right}, got ${shown(value)}`)
}

/** Characters of a text that came which an error repeats. */
const MAX_SHOWN = 40

/** What came, for an error: whatever it is, this calls nothing of it, and is short. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'nil'
  if (typeof value === 'string')
    return value.length > MAX_SHOWN
      ? `${JSON.stringify(value.slice(0, MAX_SHOWN))}… (${value.length} characters)`
      : JSON.stringify(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`
}
