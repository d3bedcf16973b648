import { types } from 'node:util'
import { asciiSlot, IcfError, keyOf, keySlot, limits, type Key } from '@icf/common'

/** As long as this, a key fits whatever its characters are: a UTF-16 unit takes at most 3 bytes. */
const SURELY_SHORT = Math.floor(limits.maxKeyBytes / 3)

/** A key as the caller has it: its bytes, or text, which is the same key as its UTF-8. */
export type GivenKey = string | Uint8Array

/** Reads keys that callers give. There is one object for all of them: it is the hot path. */
export class KeyReader {
  /** Of the key that was read last. */
  slot = 0

  /** @throws IcfError INVALID_KEY */
  read(given: unknown, slotCount: number): Key {
    if (typeof given === 'string' && given.length > 0 && given.length <= limits.maxKeyBytes) {
      this.slot = asciiSlot(given, slotCount)
      if (this.slot !== -1) return given
    }
    const key = typeof given === 'string' ? keyOfText(given) : keyOfBytes(given)
    this.slot = keySlot(key, slotCount)
    return key
  }
}

/** False when the text has a lone surrogate. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

function keyOfText(text: string): Key {
  if (text === '') throw invalid('a key must not be empty')
  if (text.length > SURELY_SHORT) checkLength(text)
  if (!isWellFormed(text)) throw invalid('a key has half a surrogate pair, which no UTF-8 can carry')
  return keyOf(text)
}

function checkLength(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > limits.maxKeyBytes)
    throw invalid(`a key has ${bytes} bytes in UTF-8; the longest may have ${limits.maxKeyBytes}`)
}

function keyOfBytes(given: unknown): Key {
  if (!types.isUint8Array(given))
    throw invalid(`a key must be a string or a Uint8Array, got ${describe(given)}`)
  if (given.length === 0) throw invalid('a key must not be empty')
  if (given.length > limits.maxKeyBytes)
    throw invalid(`a key has ${given.length} bytes; the longest may have ${limits.maxKeyBytes}`)
  return keyOf(given)
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}

function invalid(message: string): IcfError {
  return new IcfError('INVALID_KEY', message)
}
