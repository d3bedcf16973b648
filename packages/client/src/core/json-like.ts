import { types } from 'node:util'
import { IcfError } from '@icf/common'
import { isWellFormed } from './key.js'

/** Nesting deeper than this is refused: it is a cycle, or would overflow the stack of whoever reads it. */
export const MAX_DEPTH = 256

/**
 * Checks that a value comes back as it was put in, and returns it, or a copy where something had to change: as in JSON,
 * properties that are undefined are dropped and undefined in an array becomes null.
 * @throws IcfError INVALID_VALUE, with the path of what is wrong
 */
export function jsonLike(value: unknown): unknown {
  return clean(value, 0, undefined)
}

/** Where a nested value is; made into text only when something is wrong there. */
interface Place {
  readonly up: Place | undefined
  readonly name: string | number
}

function clean(value: unknown, depth: number, place: Place | undefined): unknown {
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return value
    case 'string':
      if (!isWellFormed(value))
        throw invalid(place, 'text with half a surrogate pair, which no UTF-8 can carry')
      return value
    case 'object':
      if (value === null) return value
      if (depth >= MAX_DEPTH) throw invalid(undefined, `cyclic, or nested deeper than ${MAX_DEPTH} levels`)
      if (Array.isArray(value)) return cleanArray(value, depth + 1, place)
      if (types.isUint8Array(value)) return value
      return cleanObject(value, depth + 1, place)
    case 'undefined':
      throw invalid(place, 'undefined')
    case 'bigint':
      throw invalid(place, 'a bigint: store it as text')
    default:
      throw invalid(place, `a ${typeof value}`)
  }
}

function cleanArray(array: readonly unknown[], depth: number, up: Place | undefined): unknown[] {
  if (!isPlainArray(array))
    throw invalid(up, `${article(array)}: of arrays only plain ones come back as they were`)
  // Names come after all indexes.
  const last = Object.keys(array).at(-1)
  if (last !== undefined && !isIndex(last, array.length))
    throw invalid(up, `an array with a property named ${last.slice(0, 100)}`)
  let result = array as unknown[]
  for (let i = 0; i < array.length; i++) {
    const element = array[i]
    const cleaned = element === undefined ? null : clean(element, depth, { up, name: i })
    if (cleaned === element) continue
    if (result === array) result = array.slice()
    result[i] = cleaned
  }
  return result
}

function cleanObject(object: object, depth: number, up: Place | undefined): object {
  if (!isPlain(object))
    throw invalid(up, `${article(object)}: only plain objects, arrays and Uint8Array come back as they were`)
  const properties = object as Record<string, unknown>
  const names = Object.keys(object)
  let result: Record<string, unknown> | undefined
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    const property = properties[name]
    if (name === '__proto__') throw invalid(up, 'an object with a property named __proto__')
    if (!isWellFormed(name)) throw invalid(up, 'a property name with half a surrogate pair')
    const cleaned = property === undefined ? undefined : clean(property, depth, { up, name })
    if (result === undefined && (property === undefined || cleaned !== property)) {
      result = {}
      for (let before = 0; before < i; before++) result[names[before]!] = properties[names[before]!]
    }
    if (result !== undefined && cleaned !== undefined) result[name] = cleaned
  }
  return result ?? object
}

/** Plain objects of other realms (vm contexts, test runners) count too: their prototype is the end of its chain as well. */
function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object | null
  return prototype === Object.prototype || prototype === null || isTop(prototype)
}

/** Of other realms too: what arrays inherit from is itself an array, unlike the prototype of a class. */
function isPlainArray(array: readonly unknown[]): boolean {
  const prototype = Object.getPrototypeOf(array) as object | null
  return (
    prototype === Array.prototype ||
    (Array.isArray(prototype) && isTop(Object.getPrototypeOf(prototype) as object | null))
  )
}

function isIndex(name: string, length: number): boolean {
  const index = Number(name)
  return Number.isInteger(index) && index >= 0 && index < length && String(index) === name
}

/** Whether it is the Object.prototype of some realm. */
function isTop(prototype: object | null): boolean {
  return (
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf')
  )
}

function article(object: object): string {
  const name = (object.constructor as { name?: unknown } | undefined)?.name
  return typeof name === 'string' && name !== ''
    ? `an instance of ${name.slice(0, 100)}`
    : 'an instance of a class'
}

function invalid(place: Place | undefined, what: string): IcfError {
  let path = ''
  for (let at = place; at; at = at.up)
    path = (typeof at.name === 'number' ? `[${at.name}]` : `.${at.name}`) + path
  const where =
    path === '' ? 'a value' : `a value has at ${path.length > 200 ? `${path.slice(0, 200)}…` : path}`
  return new IcfError('INVALID_VALUE', path === '' ? `a value must not be ${what}` : `${where} ${what}`)
}
