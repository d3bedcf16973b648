import { randomBytes } from 'node:crypto'
import type { Runtime } from '../runtime.js'
import { ReadingTurns } from './reading-turns.js'
import { connect, listenForSockets } from './sockets.js'

const clock = {
  now: () => performance.now(),
  setImmediate: (run: () => void) => void setImmediate(run),
}
const turns = new ReadingTurns(clock)

/** The clock, timers, random numbers and connections of this process. */
export const nodeRuntime: Runtime = Object.freeze({
  ...clock,
  wallTimeMs: () => Date.now(),
  random: () => Math.random(),
  newId: () => randomBytes(20).toString('hex'),
  setTimeout: (run: () => void, delayMs: number) => setTimeout(run, delayMs),
  setInterval: (run: () => void, intervalMs: number) => setInterval(run, intervalMs),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  connect,
  listen: (address) => listenForSockets(address, turns),
} satisfies Runtime)
