// Loaded before a process's own code: when its parent says so, measures the turns of the event loop from then on.
import { openSync, readSync } from 'node:fs'
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

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

let [lastAt, lastOwn, lastCpu] = [0, 0, 0]
/** `at`: when it ended. */
const longest = { ms: 0, wallMs: 0, at: 0 }

const collections: PerformanceEntry[] = []
const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()))
/** What was collected is told a little later. */
const TOLD_MS = 100

/** Of the longest turn, what V8 collected garbage in, in ms: waiting for a CPU is in it, as far as it is no more than the turn. */
function collectingMs(): number {
  const inLongest = collections.filter(({ startTime, duration }) => startTime < longest.at && startTime + duration > longest.at - longest.wallMs) // prettier-ignore
  return Math.min(longest.ms, inLongest.reduce((sum, { duration }) => sum + duration, 0)) // prettier-ignore
}

/** Always due, so the event loop never sleeps: a turn is all that it does from one look to the next. */
function look(): void {
  const [at, own, cpu] = [performance.now(), ownTimeMs(), cpuTimeMs()]
  const ms = Math.min(own - lastOwn, cpu - lastCpu)
  if (ms > longest.ms) Object.assign(longest, { ms, at, wallMs: at - lastAt })
  begin(at, own, cpu)
}

function begin(at: number, own: number, cpu: number): void {
  lastAt = at
  lastOwn = own
  lastCpu = cpu
  setImmediate(look)
}

process.on('message', (message) => {
  if (message === 'begin') {
    observer.observe({ entryTypes: ['gc'] })
    begin(performance.now(), ownTimeMs(), cpuTimeMs())
  } else if (message === 'end')
    void sleep(TOLD_MS).then(() => process.send!({ longestMs: longest.ms, collectingMs: collectingMs() }))
})
process.channel?.unref()
