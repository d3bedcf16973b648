import { isUtf8 } from 'node:buffer'

/** A key as it is inside: its bytes, each as the character of that number (latin1). Of ASCII text that is the text. */
export type Key = string

/** Up to so many characters this is faster than a call out of JavaScript. */
const SHORT_TEXT = 32
const OTHER_THAN_ASCII = /[\u0080-\uffff]/

/** Of messages: a key of more characters is cut. */
const MAX_SHOWN = 64

/** @param given text, whose UTF-8 is meant, or the bytes themselves */
export function keyOf(given: string | Uint8Array): Key {
  if (typeof given !== 'string') return latin1Of(given)
  return isAscii(given) ? given : Buffer.from(given, 'utf8').toString('latin1')
}

/** Whether each character is one byte of UTF-8, too. */
export function isAscii(text: string): boolean {
  return text.length > SHORT_TEXT ? Buffer.byteLength(text) === text.length : !OTHER_THAN_ASCII.test(text)
}

/** The text whose UTF-8 the key is; undefined: it is no UTF-8. */
export function textOf(key: Key): string | undefined {
  if (isAscii(key)) return key
  const bytes = bytesOf(key)
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** Whether the key is UTF-8. */
export function isTextKey(key: Key): boolean {
  return isAscii(key) || isUtf8(bytesOf(key))
}

export function bytesOf(key: Key): Buffer {
  return Buffer.from(key, 'latin1')
}

/** A key for people, in quotes: text as it is, other bytes as in `"\xff\x00 and ASCII"`. A long one is cut. */
export function quoteKey(key: Key): string {
  const text = textOf(key)
  if (text === undefined) return `"${cut(key).replace(/[^\x20-\x7e…]|["\\]/g, escaped)}"`
  return JSON.stringify(cut(text))
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

function escaped(character: string): string {
  return character === '"' || character === '\\'
    ? `\\${character}`
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
