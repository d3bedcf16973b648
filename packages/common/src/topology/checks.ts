import { IcfError } from '../errors.js'
import { isCount, malformed as malformedField, shown } from '../wire/checks.js'
import { NONE } from './topology.js'

// Each returns the value when it is what it should be. `what` names the field, for the error. @throws IcfError PROTOCOL

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(what, 'an array', value)
  return value as readonly unknown[]
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw malformed(what, 'a text', value)
  return value
}

export function asCount(value: unknown, what: string): number {
  if (!isCount(value)) throw malformed(what, 'a whole number from 0 on', value)
  return value
}

export function asPort(value: unknown, what: string): number {
  if (!isCount(value) || value > 65_535) throw malformed(what, 'a whole number from 0 to 65535', value)
  return value
}

export function asSlot(value: unknown, what: string, slotCount: number): number {
  if (!isCount(value) || value >= slotCount) throw malformed(what, `a slot from 0 to ${slotCount - 1}`, value)
  return value
}

export function asSeat(value: unknown, what: string, serverCount: number): number {
  if (value === NONE) return NONE
  if (!isCount(value) || value >= serverCount)
    throw malformed(what, `a seat from 0 to ${serverCount - 1}, or ${NONE} for none`, value)
  return value
}

/** @param right what it must be */
export function malformed(what: string, right: string, value: unknown): IcfError {
  return malformedField(`${what} of a topology`, right, value)
}

/** Fields that are right one by one, and not together. */
export function contradiction(text: string): IcfError {
  return new IcfError('PROTOCOL', `a topology must not have ${text}`)
}

/** The list, in which each process is once. @throws IcfError PROTOCOL */
export function withoutTwins<T extends readonly ({ readonly id: string } | undefined)[]>(processes: T): T {
  const ids = new Set<string>()
  for (const process of processes) {
    if (!process) continue
    if (ids.has(process.id)) throw contradiction(`a process with two seats: ${shown(process.id)}`)
    ids.add(process.id)
  }
  return processes
}
