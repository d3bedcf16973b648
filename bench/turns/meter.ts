// Loaded before a process's own code: when its parent says so, measures the turns of the event loop from then on.
import { openSync, readSync } from 'node:fs'

/** For how long this thread was on a CPU, and for how long it waited for one, in ns. */
const schedule = openSync('/proc/thread-self/schedstat', 'r')
const text = Buffer.alloc(64)

/** When it is, without the time in which this thread waited for a CPU, in ms. */
function ownTimeMs(): number {
  const length = readSync(schedule, text, 0, text.length, 0)
  return performance.now() - Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6
}

/** Of all threads, in ms: what the machine does on this one's time is not in it. */
function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let [lastOwn, lastCpu] = [0, 0]
let longestMs = 0

/** Always due, so the event loop never sleeps: a turn is all that it does from one look to the next. */
function look(): void {
  const [own, cpu] = [ownTimeMs(), cpuTimeMs()]
  longestMs = Math.max(longestMs, Math.min(own - lastOwn, cpu - lastCpu))
  lastOwn = own
  lastCpu = cpu
  setImmediate(look)
}

process.on('message', (message) => {
  if (message === 'begin') {
    lastOwn = ownTimeMs()
    lastCpu = cpuTimeMs()
    setImmediate(look)
  } else if (message === 'end') process.send!(longestMs)
})
process.channel?.unref()
