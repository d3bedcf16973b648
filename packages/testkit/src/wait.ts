import { setTimeout as delay } from 'node:timers/promises'

export interface WaitOptions {
  /** For the message when it did not come true. */
  readonly what: string
  readonly timeoutMs?: number
  readonly everyMs?: number
}

const DEFAULT_TIMEOUT_MS = 60_000
const DEFAULT_EVERY_MS = 20

/** Thrown by a condition that can not come true any more: ends the wait at once. */
export class Hopeless extends Error {}

/**
 * Asks again and again until the condition holds. Timeouts are long: they bound a hang, they do not measure.
 * @throws Error at the timeout, with what the condition said last when it threw
 */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  options: WaitOptions,
): Promise<void> {
  const { what, timeoutMs = DEFAULT_TIMEOUT_MS, everyMs = DEFAULT_EVERY_MS } = options
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    let cause: unknown
    try {
      if (await condition()) return
    } catch (error) {
      if (error instanceof Hopeless) throw error
      cause = error
    }
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause })
    await delay(everyMs)
  }
}

/** As soon as it holds, of something in this process. @throws Error at the timeout, with the condition's own text */
export function until(holds: () => boolean): Promise<void> {
  return waitUntil(holds, { what: String(holds), everyMs: 2 })
}
