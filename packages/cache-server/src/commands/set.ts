import { IcfError, limits, ValueKind } from '@icf/common'
import { arrivedValue } from '../core/stored-value.js'
import type { Command } from './command.js'

/** SET key, value, kind, ttlMs (0: none), ackPrimary → true. */
export const set: Command = (context, client, id, slot, key, command, frame) => {
  const { kind, ttlMs, valueAt, valueBytes, ahead } = command
  if (kind > ValueKind.ENCODED)
    throw new IcfError('INVALID_ARGUMENT', 'the kind must be 0 (bytes), 1 (text) or 2 (encoded)')
  if (ttlMs > limits.maxTtlMs)
    throw new IcfError('INVALID_ARGUMENT', `ttlMs must be a whole number from 0 to ${limits.maxTtlMs}`)
  const { maxValueBytes, now } = context
  if (valueBytes > maxValueBytes)
    throw new IcfError(
      'VALUE_TOO_LARGE',
      `the largest value here is ${maxValueBytes} bytes, this one has ${valueBytes}`,
    )
  const value = arrivedValue(frame.bytes, valueAt, valueBytes, ahead)
  const expiresAt = ttlMs === 0 ? 0 : now + ttlMs
  context.writer.put(
    client,
    id,
    context.writeNumber,
    slot,
    key,
    value,
    kind,
    expiresAt,
    command.ackPrimary,
    now,
  )
}
