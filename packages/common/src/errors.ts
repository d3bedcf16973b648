/**
 * Every error that crosses an interface of icf. `retryable`: nothing was written, and the same call may succeed later
 * without any change by the caller. The wire carries the number; the code is what programs compare.
 */
const table = {
  INVALID_ARGUMENT: {
    wire: 1,
    retryable: false,
    meaning: 'an argument or option is of the wrong type or out of range',
  },
  INVALID_KEY: { wire: 2, retryable: false, meaning: 'a key is empty, too long, or not well-formed text' },
  INVALID_VALUE: { wire: 3, retryable: false, meaning: 'a value can not be encoded' },
  VALUE_TOO_LARGE: { wire: 4, retryable: false, meaning: 'a value exceeds the largest size' },
  PROTOCOL: {
    wire: 5,
    retryable: false,
    meaning: 'the peer sent something that the protocol does not allow',
  },
  WRONG_PROTOCOL_VERSION: {
    wire: 6,
    retryable: false,
    meaning: 'the peer speaks a version of the protocol that is more than one apart',
  },
  WRONG_CLUSTER: { wire: 7, retryable: false, meaning: 'the peer belongs to another cluster' },
  WRONG_ROLE: {
    wire: 8,
    retryable: false,
    meaning: 'this process does not serve the role that the peer asked for',
  },
  FENCED: {
    wire: 9,
    retryable: false,
    meaning: 'this incarnation of a server was declared dead and must rejoin',
  },
  NOT_OWNER: {
    wire: 10,
    retryable: true,
    meaning: 'the server does not own the slot, and did nothing; the topology tells who does',
  },
  BUSY: { wire: 11, retryable: true, meaning: 'a queue is full' },
  TIMEOUT: {
    wire: 12,
    retryable: true,
    meaning: 'no answer within the deadline of the call; nothing was written',
  },
  ABORTED: {
    wire: 13,
    retryable: false,
    meaning: "the caller's signal was aborted; a write may have happened",
  },
  CLOSED: { wire: 14, retryable: false, meaning: 'the client or server was closed' },
  UNREACHABLE: { wire: 15, retryable: true, meaning: 'no connection to the process can be made' },
  UNKNOWN_SERVER: {
    wire: 16,
    retryable: false,
    meaning: 'no cache server, or no master, matches the given id, prefix or address',
  },
  LAST_SERVER: {
    wire: 17,
    retryable: false,
    meaning: 'the last cache server can not hand its slots to anyone',
  },
  UNKNOWN_COMMAND: { wire: 18, retryable: false, meaning: 'the command is not known here' },
  INTERNAL: { wire: 19, retryable: false, meaning: 'an invariant was broken; please report it' },
  STATE_UNAVAILABLE: {
    wire: 20,
    retryable: false,
    meaning: 'the stored state of a master is in use by another process, damaged, or of another release',
  },
  OUTCOME_UNKNOWN: {
    wire: 21,
    retryable: false,
    meaning:
      'no answer within the deadline of a write that was sent and not refused: it may have happened, or still happen',
  },
  OWNER_CHANGED: {
    wire: 22,
    retryable: false,
    meaning:
      'the slot went to another server before the write was on every copy: it may have happened; the topology tells who knows',
  },
  STANDBY: {
    wire: 23,
    retryable: true,
    meaning: 'this master is not the active one, and did nothing',
  },
  TERM_LOST: {
    wire: 24,
    retryable: false,
    meaning: 'this master is not the active one any more: what it was to do may or may not take effect',
  },
} as const

export type ErrorCode = keyof typeof table

interface IcfErrorOptions {
  readonly cause?: unknown
  readonly keys?: readonly (string | Uint8Array)[]
  readonly values?: readonly unknown[]
}

/** The one error class of icf. Compare `code`; the message is for people. */
export class IcfError extends Error {
  override readonly name = 'IcfError'
  readonly code: ErrorCode
  readonly retryable: boolean
  /** Of a call for many keys: those that failed, as they were given. */
  readonly keys: readonly (string | Uint8Array)[] | undefined
  /** Of a read of many keys: what was found, in the order in which it asked; undefined also where a key failed. */
  readonly values: readonly unknown[] | undefined

  constructor(code: ErrorCode, message: string, options?: IcfErrorOptions) {
    super(message, options)
    this.keys = options?.keys
    this.values = options?.values
    this.code = code
    this.retryable = table[code].retryable
  }
}

export const errorCodes = Object.keys(table) as readonly ErrorCode[]

export function errorToWire(code: ErrorCode): number {
  return table[code].wire
}

const byWire = new Map<number, ErrorCode>(errorCodes.map((code) => [table[code].wire, code]))

export function errorFromWire(wire: unknown): ErrorCode {
  return byWire.get(wire as number) ?? 'INTERNAL'
}

export function errorMeaning(code: ErrorCode): string {
  return table[code].meaning
}
