import { randomBytes } from 'node:crypto'
import { uptime } from 'node:os'
import type { Runtime } from '../runtime.js'
import { ReadingTurns } from './reading-turns.js'
import { connect, listenForSockets } from './sockets.js'
import { WakefulClock } from './wakeful-clock.js'

const monotonicMs = (): number => performance.now()
const wallTimeMs = (): number => Date.now()
const runLater = (run: () => void): void => void setImmediate(run)
const clock = new WakefulClock({ monotonicMs, wallTimeMs, uptimeMs: () => 1000 * uptime() })
const turns = new ReadingTurns({ now: monotonicMs, setImmediate: runLater })

/** The clock, timers, random numbers and connections of this process. */
export const nodeRuntime: Runtime = Object.freeze({
  now: () => clock.now(),
  wallTimeMs,
  random: () => Math.random(),
  newId: () => randomBytes(20).toString('hex'),
  setTimeout: (run: () => void, delayMs: number) => setTimeout(run, delayMs),
  setInterval: (run: () => void, intervalMs: number) => setInterval(run, intervalMs),
  setImmediate: runLater,
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  connect,
  listen: (address) => listenForSockets(address, turns),
} satisfies Runtime)
