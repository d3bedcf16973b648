import { randomBytes } from 'node:crypto'
import type { Runtime } from '../runtime.js'
import { connect, listenForSockets } from './sockets.js'

/** The clock, timers, random numbers and connections of this process. */
export const nodeRuntime: Runtime = Object.freeze({
  now: () => performance.now(),
  wallTimeMs: () => Date.now(),
  random: () => Math.random(),
  newId: () => randomBytes(20).toString('hex'),
  setTimeout: (run: () => void, delayMs: number) => setTimeout(run, delayMs),
  setInterval: (run: () => void, intervalMs: number) => setInterval(run, intervalMs),
  setImmediate: (run: () => void) => void setImmediate(run),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  connect,
  listen: listenForSockets,
} satisfies Runtime)
