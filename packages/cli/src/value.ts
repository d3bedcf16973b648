/** How `icf get` shows a value. */
export type Shown =
  | { readonly kind: 'text'; readonly bytes: Uint8Array; readonly value: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly base64: string }
  | { readonly kind: 'json'; readonly bytes: Uint8Array; readonly value: unknown }

/** `bytes` is what goes to stdout as it is: text and bytes untouched, every other value as one line of JSON. */
export function showValue(value: unknown): Shown {
  if (typeof value === 'string') return { kind: 'text', bytes: Buffer.from(value), value }
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return { kind: 'bytes', bytes, base64: bytes.toString('base64') }
  }
  const plain = toJson(value)
  return { kind: 'json', bytes: Buffer.from(`${JSON.stringify(plain)}\n`), value: plain }
}

/** Values that JSON has no form for are written as strings; nothing is silently left out. */
function toJson(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map) return [...value].map(toJson)
  if (value instanceof Set) return [...value].map(toJson)
  if (Array.isArray(value)) return value.map(toJson)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, toJson(part)]))
}

/** The stored bytes of a value that is text or bytes; undefined for any other. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value)
  return value instanceof Uint8Array ? value : undefined
}
