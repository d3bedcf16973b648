/**
 * Numbers and argument counts of the commands in a COMMANDS frame. The first argument is always the key.
 * GET and SET have the numbers of the original icf (KEY_VALUE_REQUEST, KEY_VALUE_RESPONCE).
 */
export const CommandCode = {
  /** key → the value, or nil */
  GET: 0,
  /** key, value, kind, ttlMs (0 = none), ackPrimary (0 | 1) → true */
  SET: 1,
  /** key → true when it was there */
  DELETE: 2,
  /** key → boolean */
  HAS: 3,
  /** key → remaining milliseconds, -1 without a time to live, nil when missing */
  TTL: 4,
} as const

export type CommandCode = (typeof CommandCode)[keyof typeof CommandCode]

/** Arguments of each command, by its number. */
export const commandArity: readonly number[] = [1, 5, 1, 1, 1]

/** Stands with a number before a write that was sent before, under this number. No command: it has no id and no answer. */
export const REPEAT = 127

/** Whether a command changes something: then it has a number by which a repetition is known. */
export function isWrite(code: number): boolean {
  return code === CommandCode.SET || code === CommandCode.DELETE
}
