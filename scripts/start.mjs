// `npm start`: installs, builds, then runs `icf up` with the arguments given after `--`.
//
// `icf up` runs in this very process: its signals, exit code and terminal are the real ones, and killing
// `npm start` leaves nothing behind.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { prepare, root } from './prepare.mjs'

const REPEATED_SIGNAL_MS = 500
const PARENT_CHECK_MS = 250

if (!prepare()) process.exit(1)
dropRepeatedSignals()
if (process.env.npm_lifecycle_event === 'start') endWithParent()
const main = join(root, 'packages/cli/dist/main.js')
process.argv = [process.argv[0], main, 'up', ...process.argv.slice(2)]
await import(pathToFileURL(main).href)

/** On Ctrl-C the terminal signals every process of the group, and npm then signals its child once more. */
function dropRepeatedSignals() {
  const lastSeenMs = new Map()
  const emit = process.emit
  process.emit = function (event, ...args) {
    if (event === 'SIGINT' || event === 'SIGTERM') {
      const nowMs = performance.now()
      const agoMs = nowMs - (lastSeenMs.get(event) ?? -Infinity)
      lastSeenMs.set(event, nowMs)
      if (agoMs < REPEATED_SIGNAL_MS) return true
    }
    return emit.call(this, event, ...args)
  }
}

/** A signal for npm reaches only the shell that it put between itself and us, and that shell passes nothing on. */
function endWithParent() {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, PARENT_CHECK_MS)
  timer.unref()
}
