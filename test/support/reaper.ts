// A process beside the tests that outlives them for a moment: when the test process is gone, however it ended, it kills
// what that left behind. It reads `+pid` and `-pid` lines; the end of its input is the end of the test process.
import { createInterface } from 'node:readline'

const pids = new Set<number>()

createInterface(process.stdin)
  .on('line', (line) => {
    const pid = Number(line.slice(1))
    if (line.startsWith('+')) pids.add(pid)
    else pids.delete(pid)
  })
  .on('close', () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended in the same moment.
      }
    }
    process.exit(0)
  })
