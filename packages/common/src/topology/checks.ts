import { IcfError } from '../errors.js'
import { NONE } from './topology.js'

// Each returns the value when it is what it should be. @throws IcfError PROTOCOL

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(what)
  return value as readonly unknown[]
}

export function asCount(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(what)
  return value as number
}

export function asSlot(value: unknown, slotCount: number): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= slotCount)
    throw malformed('slot')
  return value as number
}

export function asSeat(value: unknown, serverCount: number): number {
  if (value === NONE) return NONE
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= serverCount)
    throw malformed('seat')
  return value as number
}

export function malformed(what: string): IcfError {
  return new IcfError('PROTOCOL', `malformed topology: ${what}`)
}
