import { IcfError } from './errors.js'

/** The settings of failure detection, all in milliseconds. The master tells them to every server at WELCOME. */
export interface Timing {
  /** A cache server sends KEEP_ALIVE about this often: up to a quarter sooner or later, where that saves waking a process. */
  readonly heartbeatIntervalMs: number
  /** A cache server may serve this long after it sent a KEEP_ALIVE that the active master answered. */
  readonly leaseMs: number
  /** The master declares a server dead after this long without a KEEP_ALIVE. */
  readonly deadAfterMs: number
}

export const defaultTiming: Timing = Object.freeze({
  heartbeatIntervalMs: 100,
  leaseMs: 1000,
  deadAfterMs: 1500,
})

/** A process that does not answer a probe within so many milliseconds may be alive. The master waits as long for its peers. */
export const PROBE_TIMEOUT_MS = 300

/** Clocks of two machines may drift apart by this share while one lease runs. */
const MAX_CLOCK_DRIFT = 0.1

/** After so many milliseconds by our clock a lease is over by any other, too. */
export function leaseOverMs({ leaseMs }: Timing): number {
  return leaseMs * (1 + MAX_CLOCK_DRIFT)
}

/** Share of a lease. */
const TERM_BOUND = 0.6

/**
 * For how many milliseconds, by a voter's clock, an active master's word binds it: for so long it votes for no other. When
 * the active master is gone without a trace, another one has the rest of a lease to be elected and heard, before cache servers
 * stop answering.
 */
export function termBoundMs({ leaseMs }: Timing): number {
  return leaseMs * TERM_BOUND
}

/**
 * Checks how the settings relate: a lease must be over, by the slower clock, before the master may promote a backup.
 * @throws IcfError INVALID_ARGUMENT
 */
export function checkTiming(timing: Timing): Timing {
  for (const [name, value] of Object.entries(timing))
    if (!Number.isInteger(value) || value < 1)
      throw new IcfError(
        'INVALID_ARGUMENT',
        `${name} must be a whole number of milliseconds from 1, got ${value}`,
      )
  if (timing.leaseMs < 3 * timing.heartbeatIntervalMs)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `leaseMs (${timing.leaseMs}) must be at least 3 × heartbeatIntervalMs (${timing.heartbeatIntervalMs}): else one late heartbeat stops a server`,
    )
  if (timing.deadAfterMs < leaseOverMs(timing))
    throw new IcfError(
      'INVALID_ARGUMENT',
      `deadAfterMs (${timing.deadAfterMs}) must be at least 1.1 × leaseMs (${timing.leaseMs}): a backup may only be promoted when the old primary's lease is over`,
    )
  return timing
}
