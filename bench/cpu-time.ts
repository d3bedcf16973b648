import { readFileSync } from 'node:fs'

/** The kernel counts CPU time for us in these (USER_HZ), on every architecture that Node runs on. */
const TICK_MS = 10

/** User and system time that processes have used so far; undefined where there is no /proc. */
export function cpuTimeMs(pids: readonly number[]): number | undefined {
  try {
    return pids.reduce((sum, pid) => sum + ticks(readFileSync(`/proc/${pid}/stat`, 'latin1')), 0) * TICK_MS
  } catch {
    return undefined
  }
}

/** The command in field 2 may hold blanks and parentheses, so counting starts behind it. */
function ticks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
