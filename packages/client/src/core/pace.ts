/** When the router looks again, asks, or gives up on a connection. All in milliseconds. */
export const pace = Object.freeze({
  /** Between two sweeps: how exact deadlines and pauses are. */
  sweepMs: 20,
  /** A sweep that comes so long after the last one lets what arrived meanwhile be read first. */
  lateMs: 100,
  /** A server named a newer topology: the master pushes it; ask only when it does not come within this. */
  askAfterMs: 50,
  /** Longest pause between two such questions; each is twice the one before. */
  askAtMostMs: 1_000,
  /** First pause after an answer of BUSY; doubles with each. */
  busyMs: 5,
  busyAtMostMs: 200,
  /** A call that waits for a newer topology tries its old server again after this. */
  parkedAtMostMs: 1_000,
  /** Slots moved away from a server that has said nothing since: its calls go to the new owner. */
  movedSilentMs: 250,
  /**
   * A server that has owed an answer for this long is asked whether it is there: it may only wait for a backup that died.
   * Longer than it is silent otherwise, so that one which is slow does not get a question from each of thousands of clients, too.
   */
  askPeerMs: 1_000,
  /**
   * A connection over which an answer has been owed for this long, and nothing came to that question either, is replaced: a
   * firewall may have forgotten it. Short enough to repeat within the usual deadline.
   */
  silentMs: 2_500,
})

/** Pause before attempt `attempt` (1 is the first repeat): exponential, spread by half so that callers do not march in step. */
export function backoffMs(attempt: number, firstMs: number, atMostMs: number, random: () => number): number {
  const full = Math.min(firstMs * 2 ** Math.min(attempt - 1, 30), atMostMs)
  return full * (0.5 + random() / 2)
}
