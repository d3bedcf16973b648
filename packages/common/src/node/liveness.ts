import type { Runtime } from '../runtime.js'
import type { Link } from './link.js'

const PING_INTERVAL_MS = 1_500

/** A peer that said nothing in so many intervals in a row, though it was asked, is gone, or the way to it is. */
const SILENT_INTERVALS = 2

/**
 * Terminates a link over which nothing comes any more: a firewall that forgot it, or a machine that lost its power, tells
 * nobody, and the system would notice only after minutes. Ends by itself when the link does.
 */
export function watchLiveness(
  runtime: Runtime,
  link: Pick<Link, 'isOpen' | 'takeHeard' | 'ping' | 'terminate'>,
  intervalMs = PING_INTERVAL_MS,
): void {
  let silent = 0
  // Intervals are counted, not time: while this process stands still, it does not hear either.
  const timer = runtime.setInterval(() => {
    if (link.isOpen) {
      silent = link.takeHeard() ? 0 : silent + 1
      if (silent < SILENT_INTERVALS) return link.ping()
      link.terminate()
    }
    runtime.clear(timer)
  }, intervalMs)
  timer.unref()
}
