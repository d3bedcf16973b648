import { IcfError, limits } from '@icf/common'

/** As long as this, a key fits whatever its characters are: a UTF-16 unit takes at most 3 bytes. */
const SURELY_SHORT = Math.floor(limits.maxKeyBytes / 3)

/** @throws IcfError INVALID_KEY */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') throw invalid(`a key must be a string, got ${describe(key)}`)
  if (key.length === 0) throw invalid('a key must not be empty')
  if (key.length > SURELY_SHORT) checkLength(key)
  if (!isWellFormed(key)) throw invalid('a key has half a surrogate pair, which no UTF-8 can carry')
}

/** False when the text has a lone surrogate. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

function checkLength(key: string): void {
  const bytes = Buffer.byteLength(key)
  if (bytes > limits.maxKeyBytes)
    throw invalid(`a key has ${bytes} bytes in UTF-8; the longest may have ${limits.maxKeyBytes}`)
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}

function invalid(message: string): IcfError {
  return new IcfError('INVALID_KEY', message)
}
