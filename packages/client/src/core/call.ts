import type { CommandCode, IcfError, ErrorResult, Key } from '@icf/common'
import type { Group } from './group.js'
import type { Peer } from './peer.js'

/** Where a call is. It leaves its place lazily: whoever comes across a SETTLED call skips it. */
export const CallState = {
  /** In the queue of its peer. */
  QUEUED: 0,
  /** Its value is being sent ahead in chunks. */
  STAGING: 1,
  /** In the in-flight table of its peer. */
  SENT: 2,
  /** Waits for a topology or a moment. */
  PARKED: 3,
  /** The caller has its answer. */
  SETTLED: 4,
} as const
export type CallState = (typeof CallState)[keyof typeof CallState]

export type Resolve = (value: unknown) => void
export type Reject = (error: unknown) => void

/** One command that a caller waits for. One object a call, always of the same shape: this is the hot path. */
export class PendingCall {
  state: CallState = CallState.QUEUED
  /** The peer that it is queued at or was last sent to. */
  peer: Peer | undefined = undefined

  // The arguments of SET.
  wire: string | Uint8Array | undefined = undefined
  kind = 0
  ttlMs = 0
  ackPrimary = false

  /** Of a write, from when it was sent first; 0 before. */
  writeNumber = 0

  /** What it counts for in bounds and frames: key and value, about. */
  bytes: number
  deadlineMs = 0

  /** Answers that made it go round again. */
  refusals = 0
  /** The last of them. */
  refusal: ErrorResult | undefined = undefined
  /** An attempt was sent whose outcome nobody knows. */
  maybeDone = false
  /** Parked until the topology is at least this new … */
  needEpoch = 0
  needVersion = 0
  /** … or until this moment. */
  wakeAtMs = 0

  /** Undoes what watching the caller's AbortSignal took. */
  cleanup: (() => void) | undefined = undefined

  constructor(
    readonly code: CommandCode,
    readonly key: Key,
    readonly slot: number,
    readonly timeoutMs: number,
    readonly resolve: Resolve,
    readonly reject: Reject,
    /** The calls of one getMany or setMany share a group, and settle that instead. */
    readonly group: Group | undefined,
    /** Place in the group. */
    readonly index: number,
  ) {
    this.bytes = key.length
  }

  succeed(value: unknown): void {
    if (this.group === undefined) this.resolve(value)
    else this.group.done(this.index, value)
  }

  fail(error: IcfError): void {
    if (this.group === undefined) this.reject(error)
    else this.group.failed(this.index, this.key, error)
  }
}
