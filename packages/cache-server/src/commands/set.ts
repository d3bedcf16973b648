import { IcfError, limits, ValueKind, type Message } from '@icf/common'
import type { StoredValue } from '../core/entry.js'
import { ownedValue } from '../core/owned-value.js'
import type { Command } from './command.js'

/** SET key, value, kind, ttlMs (0: none), ackPrimary (0 | 1) → true. */
export const set: Command = (context, client, id, slot, message, at) => {
  const kind = readKind(message, at)
  const value = readValue(message, at, context.maxValueBytes)
  const ttlMs = message[at + 3]
  if (!Number.isSafeInteger(ttlMs) || (ttlMs as number) < 0 || (ttlMs as number) > limits.maxTtlMs)
    throw new IcfError('INVALID_ARGUMENT', `ttlMs must be a whole number from 0 to ${limits.maxTtlMs}`)
  const expiresAt = ttlMs === 0 ? 0 : context.now + (ttlMs as number)
  context.writer.put(
    client,
    id,
    context.writeNumber,
    slot,
    message[at] as string,
    value,
    kind,
    expiresAt,
    message[at + 4] === 1,
    context.now,
  )
}

function readValue(message: Message, at: number, maxBytes: number): StoredValue {
  const value = message[at + 1]
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw new IcfError('INVALID_VALUE', 'a value must be text or bytes')
  if (value.length > maxBytes)
    throw new IcfError(
      'VALUE_TOO_LARGE',
      `the largest value here is ${maxBytes} bytes, this one has ${value.length}`,
    )
  return ownedValue(value)
}

function readKind(message: Message, at: number): number {
  const kind = message[at + 2]
  const isText = typeof message[at + 1] === 'string'
  if (kind === ValueKind.TEXT || (!isText && (kind === ValueKind.BYTES || kind === ValueKind.ENCODED)))
    return kind
  throw new IcfError(
    'INVALID_ARGUMENT',
    'the kind must be 0 (bytes), 1 (text) or 2 (encoded), and 1 for a value sent as text',
  )
}
