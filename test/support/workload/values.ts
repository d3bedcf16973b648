import { isDeepStrictEqual } from 'node:util'

const KB = 1024

/** What the workload stores under one key. Everything about it follows from its number. */
export interface KeySpec {
  readonly name: string
  readonly bytes: number
  readonly shape: 'string' | 'bytes' | 'object'
}

/** Mostly 100 bytes, some 10 KB, a few 300 KB and 2 MB; every tenth key shares one of four slots with many others. */
export function keySpec(number: number): KeySpec {
  const tag = number % 10 === 0 ? `{crowd ${(number / 10) % 4}}` : ''
  const shape = (['string', 'bytes', 'object'] as const)[number % 3]!
  return { name: `key ${number}${tag}`, bytes: sizeOf(number), shape }
}

function sizeOf(number: number): number {
  if (number % 5000 === 1) return 2 * KB * KB
  if (number % 2500 === 2) return 300 * KB
  if (number % 20 === 3) return 10 * KB
  return 100
}

export type Value = string | Uint8Array | { version: number; key: string; text: string; extra: unknown[] }

export function makeValue(spec: KeySpec, version: number): Value {
  const head = `${version}|${spec.name}|`
  const text = head.padEnd(spec.bytes, String.fromCharCode(97 + (version % 26)))
  if (spec.shape === 'string') return text
  if (spec.shape === 'bytes') return Buffer.from(text, 'latin1')
  return { version, key: spec.name, text, extra: [null, true, -1.5, { é: '漢' }] }
}

/** The version in a value, or NaN when it is not, to the last byte, one that was made for this key. */
export function versionOf(spec: KeySpec, value: unknown): number {
  const version = parseInt(textOf(spec, value) ?? '', 10)
  if (!Number.isInteger(version)) return NaN
  const expected = makeValue(spec, version)
  const equal =
    expected instanceof Uint8Array
      ? Buffer.compare(expected, value as Uint8Array) === 0
      : isEqual(expected, value)
  return equal ? version : NaN
}

function textOf(spec: KeySpec, value: unknown): string | undefined {
  if (spec.shape === 'string') return typeof value === 'string' ? value : undefined
  if (spec.shape === 'bytes')
    return value instanceof Uint8Array ? Buffer.from(value.subarray(0, 64)).toString('latin1') : undefined
  const text = (value as { text?: unknown } | null | undefined)?.text
  return typeof text === 'string' ? text : undefined
}

function isEqual(expected: unknown, value: unknown): boolean {
  return typeof expected === 'string' ? expected === value : isDeepStrictEqual(expected, value)
}
